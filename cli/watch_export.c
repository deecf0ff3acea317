/* watch --export: the evidence of a node's lanes in one file, to be handed to a tower elsewhere. */
#include "atomic_file.h"
#include "watch_run.h"

#include <stdlib.h>

static enum pp_error lanes_write(const struct cli_watch *w, uint8_t *bytes, size_t lanes, size_t *out_length,
                                 uint64_t *out_count)
{
    *out_length = 0;
    *out_count = 0;
    for (size_t i = 0; i < lanes; i++) {
        struct pp_tower_evidence evidence;
        size_t length;
        PP_TRY(w->source.lane(w->source.context, i, &evidence));
        if (evidence.voucher.signature.bytes[64] == 0 && evidence.refund.signature.bytes[64] == 0 &&
            evidence.delegated.signature.bytes[64] == 0)
            continue; /* nothing was signed for it yet */
        PP_TRY(
            pp_tower_encode(&w->domain, &evidence, bytes + *out_length, PP_TOWER_RECORD_MAX_BYTES, &length));
        *out_length += length;
        ++*out_count;
    }
    return PP_OK;
}

int cli_watch_export(struct cli_watch *w)
{
    size_t lanes = 0, length;
    uint64_t count;
    bool moved;
    struct cli_answer answer;
    enum pp_error error = w->source.refresh(w->source.context, &lanes, &moved);
    uint8_t *bytes = malloc((lanes + 1) * PP_TOWER_RECORD_MAX_BYTES);
    if (!bytes)
        error = PP_NO_MEMORY;
    if (error == PP_OK)
        error = lanes_write(w, bytes, lanes, &length, &count);
    if (error == PP_OK && count == 0)
        error = PP_NOT_FOUND;
    if (error == PP_OK)
        error = cli_file_replace(w->export_file, bytes, length);
    free(bytes);
    if (error != PP_OK)
        return cli_fail(w->cli, error, error == PP_NOT_FOUND ? "nothing was signed for a lane yet" : "%s",
                        w->export_file);
    cli_answer_init(&answer, w->cli);
    cli_put_text(&answer, "file", "evidence", w->export_file);
    cli_put_number(&answer, "lanes", "lanes", count);
    cli_put_number(&answer, "bytes", "bytes", length);
    return cli_answer_print(&answer);
}
