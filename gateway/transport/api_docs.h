/* SPDX-License-Identifier: MIT */
#pragma once
/* api_docs: the descriptions of both services (proto/openapi.yaml, proto/asyncapi.yaml) and a small
 * page that shows them, as they were when this program was built.
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/str.h"

/* By its name below /docs/. False: there is none. */
MUST_CHECK bool api_docs_find(struct str name, struct str *out_text);
bool api_docs_is_description(struct str name);
