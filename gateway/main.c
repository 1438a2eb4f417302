/* SPDX-License-Identifier: MIT */
/* broadcaster-gateway: WebSocket and SSE connections to browsers, events from Redis. */
#include "gateway/app.h"

int main(int argc, char **argv)
{
    return service_main(&gateway_program, argc, argv);
}
