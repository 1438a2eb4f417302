/* SPDX-License-Identifier: MIT */
/* broadcaster-publisher: events over HTTPS from backends, into Redis. */
#include "publisher/app.h"

int main(int argc, char **argv)
{
    return service_main(&publisher_program, argc, argv);
}
