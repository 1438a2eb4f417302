/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_frontend: asks the judge's frontend over HTTP. Section 5 of protocol.md.
 */
#include <stdint.h>

struct auth_source;
struct loop;
struct settings;

/* NULL with *out_why (static text) when FrontendURL is unusable. Free with its ops. */
struct auth_source *auth_frontend_create(struct loop *l, const struct settings *s, uint32_t call_ms,
                                         const char **out_why);
