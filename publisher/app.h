/* SPDX-License-Identifier: MIT */
#pragma once
/* app: what the publisher is made of, for service_main().
 */
#include "common/service/service.h"

extern const struct service_program publisher_program;
