#include <pp/assert.h>
#include <pp/chain_view.h>

#include <stdlib.h>

/* ---- the table of channels ---- */

static size_t slot_of(const struct pp_chain_view *view, const struct pp_channel_id *id)
{
    uint64_t hash;
    memcpy(&hash, id->bytes, sizeof hash); /* an id is a hash already */
    size_t slot = (size_t)(hash % view->capacity);
    while (view->channels[slot].used && !pp_channel_id_eq(&view->channels[slot].id, id))
        slot = (slot + 1) % view->capacity;
    return slot;
}

static struct pp_view_channel *channel_find(const struct pp_chain_view *view, const struct pp_channel_id *id)
{
    struct pp_view_channel *channel = &view->channels[slot_of(view, id)];
    return channel->used ? channel : NULL;
}

static enum pp_error channel_add(struct pp_chain_view *view, const struct pp_channel_id *id,
                                 struct pp_view_channel **out)
{
    struct pp_view_channel *channel = &view->channels[slot_of(view, id)];
    if (!channel->used) {
        if (view->count + 1 >= view->capacity)
            return PP_TOO_MANY_LANES;
        *channel = (struct pp_view_channel){.id = *id, .used = true};
        view->count++;
    }
    *out = channel;
    return PP_OK;
}

enum pp_error pp_chain_view_init(struct pp_chain_view *view, const struct pp_domain *domain, uint32_t lane,
                                 size_t lanes_max)
{
    *view =
        (struct pp_chain_view){.domain = *domain, .lane = lane, .capacity = lanes_max + lanes_max / 2 + 16};
    view->channels = calloc(view->capacity, sizeof *view->channels);
    return view->channels ? PP_OK : PP_NO_MEMORY;
}

void pp_chain_view_done(struct pp_chain_view *view)
{
    free(view->channels);
    *view = (struct pp_chain_view){0};
}

void pp_chain_view_resume(struct pp_chain_view *view, const struct pp_chain_block *mark)
{
    view->final = *mark;
    view->has_final = true;
}

/* ---- blocks ---- */

static enum pp_error give_conflict(struct pp_chain_view *view, const struct pp_chain_block *latest, bool *given,
                                   pp_chain_sink *sink, void *context)
{
    const struct pp_chain_event event = {
        .kind = PP_CHAIN_CONFLICT,
        .block_number = latest->number,
        .time_s = latest->time_s,
        .finalized_number = view->final.number,
        .finalized_time_s = view->final.time_s,
        .finalized_hash = view->final.hash,
    };
    if (!*given)
        PP_TRY(sink(context, &event));
    *given = true;
    return PP_OK;
}

enum pp_error pp_chain_view_disagree(struct pp_chain_view *view, const struct pp_chain_block *latest,
                                     pp_chain_sink *sink, void *context)
{
    return give_conflict(view, latest, &view->disagreement, sink, context);
}

enum pp_error pp_chain_view_check(struct pp_chain_view *view, const struct pp_chain_block *latest,
                                  const struct pp_chain_block *finalized, const struct pp_chain_block *anchor,
                                  pp_chain_sink *sink, void *context)
{
    if (latest->number < finalized->number || latest->time_s < finalized->time_s)
        return PP_CHAIN_NONSENSE; /* VIEW-010 */
    if (latest->number == finalized->number && !pp_hash_eq(&latest->hash, &finalized->hash))
        return PP_CHAIN_NONSENSE;
    if (!view->has_final)
        return PP_OK;
    PP_ASSERT(anchor);
    if (!pp_hash_eq(&anchor->hash, &view->final.hash)) {
        PP_TRY(give_conflict(view, latest, &view->conflict, sink, context)); /* VIEW-011 */
        return PP_CHAIN_REORG;
    }
    view->conflict = false;
    return finalized->number < view->final.number ? PP_CHAIN_STALE : PP_OK; /* VIEW-012 */
}

/* ---- logs ---- */

/* NOT_FOUND: nothing that concerns this node's lane. */
static enum pp_error event_of(const struct pp_chain_view *view, const struct pp_chain_log *log,
                              struct pp_log_event *out)
{
    enum pp_error error = pp_abi_read_event(log, out);
    if (error == PP_NOT_FOUND)
        return PP_NOT_FOUND;
    if (error != PP_OK)
        return PP_CHAIN_NONSENSE;
    switch (out->kind) {
    case PP_LOG_LANE_CAP_CHANGED:
        if (out->cap_changed.seq > UINT32_MAX)
            return PP_CHAIN_NONSENSE;
        return out->lane == view->lane ? PP_OK : PP_NOT_FOUND;
    case PP_LOG_THAW_REQUESTED:
    case PP_LOG_THAW_CANCELLED:
        if (out->thaw.seq > UINT32_MAX)
            return PP_CHAIN_NONSENSE;
        return out->lane == view->lane ? PP_OK : PP_NOT_FOUND;
    case PP_LOG_LANE_SETTLED:
        return out->lane == view->lane ? PP_OK : PP_NOT_FOUND;
    case PP_LOG_CLOSE_REQUESTED:
    case PP_LOG_CLOSE_CANCELLED:
    case PP_LOG_CHANNEL_CLOSED:
        return PP_OK;
    case PP_LOG_CHANNEL_OPENED:
    case PP_LOG_CHANNEL_TOPPED_UP:
    case PP_LOG_VOUCHER_POSTED:
    case PP_LOG_REFUND_POSTED:
    case PP_LOG_CLAIM_SKIPPED:
    case PP_LOG_REPORT_POSTED:
    case PP_LOG_PAYOUT_CLAIMED:
    case PP_LOG_OWED_COLLECTED:
    case PP_LOG_DELEGATE_REVOKED:
    case PP_LOG_LANE_RETIRED:
    case PP_LOG_STAKE_DEPOSITED:
    case PP_LOG_STAKE_WITHDRAWN:
    case PP_LOG_PARAMETERS_SCHEDULED:
    case PP_LOG_PARAMETERS_APPLIED:
    case PP_LOG_PARAMETERS_CANCELLED:
    case PP_LOG_COUNT:
        break;
    }
    return PP_NOT_FOUND;
}

enum pp_view_interest pp_chain_view_interest(const struct pp_chain_view *view, const struct pp_chain_log *log,
                                             struct pp_channel_id *out_channel)
{
    struct pp_log_event event;
    enum pp_error error = event_of(view, log, &event);
    if (error != PP_OK)
        return error == PP_NOT_FOUND ? PP_VIEW_NO : PP_VIEW_YES; /* nonsense is told when it is given */
    if (event.kind == PP_LOG_LANE_SETTLED || channel_find(view, &event.channel_id))
        return PP_VIEW_YES;
    *out_channel = event.channel_id;
    return PP_VIEW_ASK;
}

enum pp_error pp_chain_view_learn(struct pp_chain_view *view, const struct pp_channel_id *id,
                                  const struct pp_channel_config *config)
{
    const struct pp_channel_fields fields = {config->payer, config->signer, config->nonce};
    struct pp_channel_id derived;
    pp_channel_id_of(&view->domain, &fields, &derived);
    if (!pp_channel_id_eq(&derived, id))
        return PP_CHAIN_NONSENSE; /* VIEW-013 */
    struct pp_view_channel *channel;
    PP_TRY(channel_add(view, id, &channel));
    channel->config = *config;
    return PP_OK;
}

static struct pp_chain_event lane_event(const struct pp_chain_view *view, enum pp_chain_event_kind kind,
                                        const struct pp_log_event *log_event, const struct pp_chain_log *log)
{
    return (struct pp_chain_event){
        .kind = kind,
        .channel_id = log_event->channel_id,
        .lane = view->lane,
        .block_number = log->block_number,
        .time_s = log->time_s,
    };
}

static struct pp_chain_event cap_event(const struct pp_chain_view *view, enum pp_chain_event_kind kind,
                                       const struct pp_log_event *log_event, const struct pp_chain_log *log,
                                       const struct pp_view_channel *channel)
{
    struct pp_chain_event event = lane_event(view, kind, log_event, log);
    bool thaw = log_event->kind != PP_LOG_LANE_CAP_CHANGED;
    event.config = channel->config;
    event.cap = thaw ? log_event->thaw.cap : log_event->cap_changed.new_cap;
    event.seq = (uint32_t)(thaw ? log_event->thaw.seq : log_event->cap_changed.seq);
    return event;
}

/* VIEW-004: a thaw takes from the moment it is asked for, for it may be final before what is admitted meanwhile is claimed. */
static bool lowers(const struct pp_log_event *log_event)
{
    return log_event->kind == PP_LOG_THAW_REQUESTED ||
           (log_event->kind == PP_LOG_LANE_CAP_CHANGED &&
            log_event->cap_changed.new_cap.raw < log_event->cap_changed.old_cap.raw);
}

static enum pp_error give_closing(struct pp_chain_view *view, struct pp_view_channel *channel,
                                  const struct pp_log_event *log_event, const struct pp_chain_log *log,
                                  pp_chain_sink *sink, void *context)
{
    struct pp_chain_event event = lane_event(view, PP_CHAIN_CLOSING, log_event, log);
    if (!channel->closing_given)
        PP_TRY(sink(context, &event));
    channel->closing_given = true;
    channel->closing_now = true;
    return PP_OK;
}

/* ---- final logs: what adds money, and what ends (VIEW-001) ---- */

static enum pp_error final_settled(struct pp_chain_view *view, const struct pp_log_event *log_event,
                                   const struct pp_chain_log *log, pp_chain_sink *sink, void *context)
{
    struct pp_chain_event event = lane_event(view, PP_CHAIN_SETTLED, log_event, log);
    event.vested = log_event->settled.vested;
    event.refunded = log_event->settled.refunded;
    return sink(context, &event);
}

static enum pp_error final_closed(struct pp_chain_view *view, struct pp_view_channel *channel,
                                  const struct pp_log_event *log_event, const struct pp_chain_log *log,
                                  pp_chain_sink *sink, void *context)
{
    PP_TRY(give_closing(view, channel, log_event, log, sink, context));
    struct pp_chain_event event = lane_event(view, PP_CHAIN_CLOSED, log_event, log);
    PP_TRY(sink(context, &event));
    channel->closing_final = true;
    channel->closed = true;
    return PP_OK;
}

/* VIEW-005. */
static enum pp_error final_close_cancelled(struct pp_chain_view *view, struct pp_view_channel *channel,
                                           const struct pp_log_event *log_event,
                                           const struct pp_chain_log *log, pp_chain_sink *sink, void *context)
{
    struct pp_chain_event event = lane_event(view, PP_CHAIN_CLOSE_UNDONE, log_event, log);
    PP_TRY(sink(context, &event));
    channel->closing_given = false;
    channel->closing_final = false;
    return PP_OK;
}

static enum pp_error final_log(struct pp_chain_view *view, const struct pp_chain_log *log,
                               pp_chain_sink *sink, void *context)
{
    struct pp_log_event event;
    PP_TRY(event_of(view, log, &event));
    if (event.kind == PP_LOG_LANE_SETTLED)
        return final_settled(view, &event, log, sink, context);
    struct pp_view_channel *channel = channel_find(view, &event.channel_id);
    if (!channel)
        return PP_NOT_FOUND; /* a close of a channel that has no lane here */
    if (event.kind == PP_LOG_CHANNEL_CLOSED)
        return final_closed(view, channel, &event, log, sink, context);
    if (event.kind == PP_LOG_CLOSE_REQUESTED) {
        PP_TRY(give_closing(view, channel, &event, log, sink, context));
        channel->closing_final = true;
        return PP_OK;
    }
    if (event.kind == PP_LOG_CLOSE_CANCELLED)
        return final_close_cancelled(view, channel, &event, log, sink, context);
    struct pp_chain_event cap = cap_event(view, PP_CHAIN_LANE_FINAL, &event, log, channel);
    PP_TRY(sink(context, &cap));
    channel->seen = true;
    if (cap.seq >= channel->low_given.seq)
        channel->low_given.is_given = false; /* LANE-042: the ledger says so, too */
    return PP_OK;
}

/* A log must lie in the blocks it was given for; its order was checked where it was read. */
static enum pp_error blocks_check(const struct pp_chain_log *log, uint64_t above, bool has_above,
                                  uint64_t upto)
{
    if ((has_above && log->block_number <= above) || log->block_number > upto)
        return PP_CHAIN_NONSENSE;
    return PP_OK;
}

enum pp_error pp_chain_view_final(struct pp_chain_view *view, const struct pp_chain_block *upto,
                                  const struct pp_chain_log *logs, size_t count, pp_chain_sink *sink,
                                  void *context)
{
    for (size_t i = 0; i < count; i++) {
        PP_TRY(blocks_check(&logs[i], view->final.number, view->has_final, upto->number));
        enum pp_error error = final_log(view, &logs[i], sink, context);
        if (error != PP_OK && error != PP_NOT_FOUND)
            return error;
    }
    view->final = *upto;
    view->has_final = true;
    return PP_OK;
}

/* ---- recent logs: what takes money away, and what is on its way (VIEW-002) ---- */

/* Of several lowerings the lowest cap counts until the highest of their numbers is final. */
static void low_find(struct pp_view_low *low, const struct pp_chain_event *event)
{
    if (!low->is_given || event->cap.raw < low->cap.raw)
        low->cap = event->cap;
    if (!low->is_given || event->seq > low->seq)
        low->seq = event->seq;
    low->is_given = true;
    low->block_number = event->block_number;
    low->time_s = event->time_s;
}

static enum pp_error recent_cap(struct pp_chain_view *view, struct pp_view_channel *channel,
                                const struct pp_log_event *log_event, const struct pp_chain_log *log,
                                pp_chain_sink *sink, void *context)
{
    bool lowered = lowers(log_event);
    struct pp_chain_event event = cap_event(view, PP_CHAIN_LANE_SEEN, log_event, log, channel);
    if (lowered)
        low_find(&channel->low_now, &event);
    else if (!channel->seen)
        PP_TRY(sink(context, &event));
    channel->seen = true;
    return PP_OK;
}

static enum pp_error recent_log(struct pp_chain_view *view, const struct pp_chain_log *log,
                                pp_chain_sink *sink, void *context)
{
    struct pp_log_event event;
    PP_TRY(event_of(view, log, &event));
    if (event.kind == PP_LOG_LANE_SETTLED)
        return PP_OK; /* it adds to what is known as vested: when it is final */
    struct pp_view_channel *channel = channel_find(view, &event.channel_id);
    if (!channel)
        return PP_NOT_FOUND;
    if (event.kind == PP_LOG_CLOSE_CANCELLED)
        return PP_OK; /* it adds: when it is final */
    if (event.kind != PP_LOG_CLOSE_REQUESTED && event.kind != PP_LOG_CHANNEL_CLOSED)
        return recent_cap(view, channel, &event, log, sink, context);
    return give_closing(view, channel, &event, log, sink, context);
}

static struct pp_chain_event channel_event(const struct pp_chain_view *view, enum pp_chain_event_kind kind,
                                           const struct pp_view_channel *channel,
                                           const struct pp_chain_block *block)
{
    return (struct pp_chain_event){
        .kind = kind,
        .channel_id = channel->id,
        .lane = view->lane,
        .config = channel->config,
        .block_number = block->number,
        .time_s = block->time_s,
    };
}

/* A close that was given, is not final, and is not there any more (VIEW-003). */
static enum pp_error undo_close(struct pp_chain_view *view, struct pp_view_channel *channel,
                                const struct pp_chain_block *latest, pp_chain_sink *sink, void *context)
{
    if (!channel->closing_given || channel->closing_final || channel->closing_now)
        return PP_OK;
    const struct pp_chain_event event = channel_event(view, PP_CHAIN_CLOSE_UNDONE, channel, latest);
    PP_TRY(sink(context, &event));
    channel->closing_given = false;
    return PP_OK;
}

/* VIEW-006. A reader keeps the lowest cap until the highest number; so one that is higher than what was given, or of a lower
 * number, takes back what was given first. */
static enum pp_error give_low(struct pp_chain_view *view, struct pp_view_channel *channel,
                              const struct pp_chain_block *latest, pp_chain_sink *sink, void *context)
{
    const struct pp_view_low *now = &channel->low_now, *given = &channel->low_given;
    bool loosened =
        given->is_given && (!now->is_given || now->cap.raw > given->cap.raw || now->seq < given->seq);
    if (loosened) {
        const struct pp_chain_event undone = channel_event(view, PP_CHAIN_LOWERING_UNDONE, channel, latest);
        PP_TRY(sink(context, &undone));
        channel->low_given.is_given = false;
    }
    if (!now->is_given || (given->is_given && now->cap.raw == given->cap.raw && now->seq == given->seq))
        return PP_OK;
    const struct pp_chain_block block = {.number = now->block_number, .time_s = now->time_s};
    struct pp_chain_event lowered = channel_event(view, PP_CHAIN_CAP_LOWERED, channel, &block);
    lowered.cap = now->cap;
    lowered.seq = now->seq;
    PP_TRY(sink(context, &lowered));
    channel->low_given = *now;
    return PP_OK;
}

void pp_chain_view_recent_begin(struct pp_chain_view *view)
{
    PP_ASSERT(view->has_final);
    for (size_t i = 0; i < view->capacity; i++) {
        view->channels[i].closing_now = false;
        view->channels[i].low_now = (struct pp_view_low){0};
    }
}

enum pp_error pp_chain_view_recent(struct pp_chain_view *view, const struct pp_chain_block *latest,
                                   const struct pp_chain_log *logs, size_t count, pp_chain_sink *sink,
                                   void *context)
{
    for (size_t i = 0; i < count; i++) {
        PP_TRY(blocks_check(&logs[i], view->final.number, true, latest->number));
        enum pp_error error = recent_log(view, &logs[i], sink, context);
        if (error != PP_OK && error != PP_NOT_FOUND)
            return error;
    }
    return PP_OK;
}

enum pp_error pp_chain_view_recent_end(struct pp_chain_view *view, const struct pp_chain_block *latest,
                                       pp_chain_sink *sink, void *context)
{
    for (size_t i = 0; i < view->capacity; i++) {
        if (!view->channels[i].used)
            continue;
        PP_TRY(undo_close(view, &view->channels[i], latest, sink, context));
        PP_TRY(give_low(view, &view->channels[i], latest, sink, context));
    }
    return PP_OK;
}

enum pp_error pp_chain_view_head(struct pp_chain_view *view, const struct pp_chain_block *latest,
                                 const struct pp_chain_pool *pool, const struct pp_chain_report_head *report,
                                 pp_chain_sink *sink, void *context)
{
    PP_ASSERT(view->has_final);
    if (pool->claimed.raw > pool->received.raw)
        return PP_CHAIN_NONSENSE;
    const struct pp_chain_event event = {
        .kind = PP_CHAIN_HEAD,
        .block_number = latest->number,
        .time_s = latest->time_s,
        .finalized_number = view->final.number,
        .finalized_time_s = view->final.time_s,
        .finalized_hash = view->final.hash,
        .received_total = pool->received,
        .last_report = report->hash,
        .last_report_epoch = report->epoch,
        .last_report_block = report->block_number,
        .last_report_end_s = report->end_time_s,
    };
    PP_TRY(sink(context, &event));
    view->disagreement = false;
    return PP_OK;
}

bool pp_chain_view_wants_state(const struct pp_chain_event *event)
{
    return event->kind == PP_CHAIN_CLOSED;
}
