/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_file: answers from a local users.json, for development, tests and small sites. Section 5 of
 * protocol.md.
 */
struct auth_source;

/* NULL with *out_why ("FILE:LINE: KEY: what", valid until the next call) when the file cannot be
 * read or is not right. Free with its ops. */
struct auth_source *auth_file_create(const char *path, const char **out_why);
