/* SPDX-License-Identifier: MIT */
#pragma once
/* app: what the gateway is made of, for service_main().
 */
#include "common/service/service.h"

extern const struct service_program gateway_program;
