/* SPDX-License-Identifier: MIT */
#pragma once
/* stream_queue: what a stream is to send and the kernel did not take yet. A private part of stream.
 */
#include <stdbool.h>

struct stream;

/* Sends of the queue what can be sent. False: the stream is over. */
bool stream_queue_flush(struct stream *s);
