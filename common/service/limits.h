/* SPDX-License-Identifier: MIT */
#pragma once
/* limits: what the kernel lets this process have.
 */

/* Descriptors 0 to 2 that are closed become /dev/null: the next socket must not take the place of
 * stderr, and get our log. First of all. */
void limits_open_standard(void);
/* Raises the soft limit of descriptors to the hard one, to 2^20 at most: containers may have a
 * billion, and libraries make tables for as many as there may be. */
void limits_raise_descriptors(void);
