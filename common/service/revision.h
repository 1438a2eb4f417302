/* SPDX-License-Identifier: MIT */
#pragma once
/* revision: which commit this was built from; the file behind it is made by the build.
 */

extern const char broadcaster_revision[]; /* "" when nobody knows */
