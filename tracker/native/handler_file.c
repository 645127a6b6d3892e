/* The request handler for stored files: what Python has finished, with the head that uvicorn writes around it. */
#include "handler.h"

/* Whether a request is for the host that serves nothing but links; one whose name only begins with it is taken for one,
 * and the other server looks closer. */
static bool for_other_host(struct slice ours, struct slice host)
{
    if (ours.length == 0 || host.length < ours.length)
        return false;
    for (size_t at = 0; at < ours.length; at++) {
        uint8_t byte = host.data[at];
        if (byte >= 'A' && byte <= 'Z')
            byte |= 0x20;
        if (byte != ours.data[at])
            return false;
    }
    return true;
}

static void put_infohash(const uint8_t infohash[INFOHASH], struct buffer *out)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t text[2 * INFOHASH];
    for (int at = 0; at < INFOHASH; at++) {
        text[2 * at] = (uint8_t)digits[infohash[at] >> 4];
        text[2 * at + 1] = (uint8_t)digits[infohash[at] & 15];
    }
    put(out, text, sizeof text);
}

static void put_date(struct handler *handler, struct buffer *out)
{
    const char *now = handler_date(handler);
    put_literal(out, "date: ");
    put(out, now, strlen(now));
    put_literal(out, "\r\n");
}

/* Write the head; returns whether the file itself follows it. */
static bool put_head(struct handler *handler, const struct http_request *request, const struct file_parts *parts,
                     struct buffer *out)
{
    const struct rules *rules = handler->rules;
    bool whole = false;
    if (request->lower) {
        put_literal(out, "HTTP/1.1 301 Moved Permanently\r\n");
        put_date(handler, out);
        put(out, rules->redirect.data, rules->redirect.length);
        put_infohash(request->infohash, out);
        put(out, rules->redirect_end.data, rules->redirect_end.length);
    } else if (http_etag_matches(request->if_none_match, parts->etag)) {
        put_literal(out, "HTTP/1.1 304 Not Modified\r\n");
        put_date(handler, out);
        put(out, parts->unchanged.data, parts->unchanged.length);
    } else {
        put_literal(out, "HTTP/1.1 200 OK\r\n");
        put_date(handler, out);
        put(out, parts->head.data, parts->head.length);
        whole = !request->head_only;
    }
    if (request->close)
        put_literal(out, "connection: close\r\n");
    put_literal(out, "\r\n");
    return whole;
}

/* Open a stored file to be sent behind `out`; a small one is read right there. */
static bool open_stored(struct file_table *table, const struct kept_file *file, struct buffer *out,
                        struct stored_body *stored)
{
    size_t size = file->body;
    int fd = file_table_open(table, file);
    if (fd < 0)
        return false;
    bool small = size <= STORED_SMALL && size <= (size_t)(out->end - out->at);
    if (small ? !stored_file_read(fd, out->at, size) : !stored_file_at_hand(fd, size)) {
        file_table_close(table, fd);
        return false;
    }
    *stored = small ? (struct stored_body){fd, size, size, 0} : (struct stored_body){fd, 0, 0, size};
    if (small)
        out->at += size;
    return true;
}

bool handler_answer_file(struct handler *handler, const struct http_request *request, struct buffer *out,
                         struct reading *reading)
{
    struct file_table *table = handler->rules->files;
    struct buffer before = *out;
    if (!table || !handler->file_most || for_other_host(handler->rules->files_host, request->host))
        return false;
    struct kept_file *found = file_table_find(table, request->infohash, request->gzip, handler->running);
    if (!found)
        return false;
    struct file_parts parts = kept_file_parts(found);
    bool whole = put_head(handler, request, &parts, out) && parts.body.length, apart = whole && found->apart;
    if (out->overflowed || (whole && parts.body.length > handler->file_most) ||
        (apart && (!handler->opens_files || !open_stored(table, found, out, &reading->stored)))) {
        *out = before;
        kept_file_release(table, found);
        return false;
    }
    count(&handler->counters.files);
    if (whole)
        count_more(&handler->counters.file_bytes, parts.body.length);
    if (whole && !apart) {
        reading->file = found;
        reading->body = parts.body;
    } else {
        kept_file_release(table, found);
    }
    return true;
}
