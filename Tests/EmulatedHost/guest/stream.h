// One direction of bytes from a descriptor to another, with a buffer between and no blocking.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    int from, to;                      // -1: closed
    uint64_t moved;                    // bytes that reached `to`
    uint64_t limit;                    // the source ends after so many bytes
    size_t start, end;                 // what the buffer holds
    bool dry;                          // the last read found nothing
    uint8_t buffer[32768];             // the most that virtio-serial takes in one write
};

bool stream_wants_read(const struct stream *stream);
bool stream_wants_write(const struct stream *stream);
bool stream_ended(const struct stream *stream);      // nothing more will come, and nothing is left
void stream_advance(struct stream *stream);          // reads if empty, writes what there is
