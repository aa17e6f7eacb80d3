#include "stream.h"
#include <errno.h>
#include <unistd.h>

bool stream_wants_write(const struct stream *s) { return s->to >= 0 && s->start < s->end; }

bool stream_ended(const struct stream *s) {
    return s->start == s->end && (s->from < 0 || s->moved >= s->limit);
}

bool stream_wants_read(const struct stream *s) {
    return s->from >= 0 && s->start == s->end && s->moved < s->limit;
}

static void fill(struct stream *s) {
    uint64_t left = s->limit - s->moved;
    ssize_t n = read(s->from, s->buffer, left < sizeof s->buffer ? (size_t)left : sizeof s->buffer);
    s->dry = n < 0 && (errno == EAGAIN || errno == EINTR);
    s->start = 0;
    s->end = n > 0 ? (size_t)n : 0;
    if (n < 0 && !s->dry) s->from = -1;               // a terminal whose last user left reads EIO
    if (n == 0) s->from = -1;
}

void stream_advance(struct stream *s) {
    if (stream_wants_read(s)) fill(s);
    if (!stream_wants_write(s)) return;
    ssize_t n = write(s->to, s->buffer + s->start, s->end - s->start);
    if (n > 0) {
        s->start += (size_t)n;
        s->moved += (uint64_t)n;
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        s->moved += s->end - s->start;                // nobody reads any more: the rest is dropped
        s->start = s->end;
        s->to = -1;
    }
}
