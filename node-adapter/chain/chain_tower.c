#include "chain/chain_tower_ask.h"

#include <pp/assert.h>
#include <pp/chain_tower.h>

#include <stdio.h>
#include <stdlib.h>

#define CALL_MAX_BYTES 2048u /* 4 + 26 words */
#define SLICE_LEAST 2u       /* lanes a turn, however short it was */
#define REST_PARTS 64u       /* of the time that a turn over all lanes may take: between two turns ... */
#define REST_MOST_MS 15000u  /* ... but an entry that names a lane is seen about a block after it */
#define SLICE_MOST 512u      /* four questions each: half a minute over a slow line */
#define ON_WAY_MAX 64u       /* of which the end is told; more are carried on all the same */

/* What is kept of a lane between its turns. */
struct seen {
    uint64_t name; /* the beginning of its channel's id */
    uint64_t earnings, refunds;
    uint64_t due_at_s, deadline_s;
    uint64_t retry_at_s; /* not before: the last try was refused, or is on its way */
    uint8_t post;        /* enum pp_tower_post: due and not on chain */
    bool known, hot, told;
    uint64_t settle_by_s;
};
_Static_assert(sizeof(struct seen) == 64, "as the header and the specification say");

struct pp_tower {
    struct pp_tower_config config;
    struct tower_world world;
    struct pp_crypto *crypto;
    struct pp_chain_job *job; /* NULL: no key */
    struct seen *seen;
    size_t count, next, next_hot;
    uint64_t on_way[ON_WAY_MAX];
    size_t on_way_count;
    struct pp_tower_status status;
};

const char *pp_tower_word_name(enum pp_tower_word word)
{
    static const char *const names[] = {
#define X(name) [PP_TOWER_SAYS_##name] = #name,
        PP_TOWER_WORDS(X)
#undef X
    };
    return (size_t)word < sizeof names / sizeof names[0] ? names[word] : "unknown";
}

static void say(const struct pp_tower *tower, const struct pp_tower_saying *saying)
{
    if (tower->config.say)
        tower->config.say(tower->config.context, saying);
}

/* The connection's words become the tower's. */
static enum pp_error asked(struct pp_tower *tower, enum pp_error error)
{
    if (error != PP_OK)
        snprintf(tower->status.reason, sizeof tower->status.reason, "%s",
                 pp_rpc_reason(tower->world.contract.rpc));
    return error;
}

/* ---- lanes ---- */

static uint64_t name_of(const struct pp_channel_id *id)
{
    uint64_t name = 0;
    for (unsigned i = 0; i < 8; i++)
        name = name << 8 | id->bytes[i];
    return name;
}

static enum pp_error seen_room(struct pp_tower *tower, size_t count, bool moved)
{
    if (count > PP_TOWER_LANES_MAX)
        return PP_TOO_MANY_LANES;
    if (moved)
        tower->count = 0;
    if (count > tower->count) {
        struct seen *grown = realloc(tower->seen, count * sizeof *grown);
        if (!grown)
            return PP_NO_MEMORY;
        tower->seen = grown;
        memset(grown + tower->count, 0, (count - tower->count) * sizeof *grown);
    }
    tower->count = count;
    if (tower->next >= count)
        tower->next = 0;
    if (tower->next_hot >= count)
        tower->next_hot = 0;
    return PP_OK;
}

/* TOWER-012: what the chain would not take is not held. */
static enum pp_error lane_judge(struct pp_tower *tower, size_t index, struct pp_tower_evidence *evidence,
                                struct pp_tower_verdict *out)
{
    struct pp_tower_chain chain;
    PP_TRY(tower->config.source.lane(tower->config.source.context, index, evidence));
    PP_TRY(asked(tower, tower_lane_ask(&tower->world, evidence, &chain)));
    if (!pp_tower_is_refund_of(tower->crypto, &tower->config.domain, evidence, &chain.operator.key))
        evidence->refund = (struct pp_abi_refund){.refunded = PP_GRAINS_ZERO};
    const struct pp_tower_input input = {.evidence = evidence,
                                         .chain = &chain,
                                         .now_s = tower->world.latest.time_s,
                                         .timers = tower->world.timers,
                                         .vests_at_s = tower->world.vests_at_s,
                                         .least = tower->config.least};
    pp_tower_judge(&input, out);
    return PP_OK;
}

/* TOWER-020: how long a turn over all lanes may take. */
static uint64_t period_s(const struct pp_tower *tower)
{
    uint64_t by_challenge = tower->world.timers.challenge / 16, by_vesting = tower->world.timers.vesting / 8;
    uint64_t period = by_challenge < by_vesting ? by_challenge : by_vesting;
    return period > 0 ? period : 1;
}

uint64_t pp_tower_rest_ms(const struct pp_tower *tower, uint64_t least_ms)
{
    uint64_t rest_ms = period_s(tower) * 1000 / REST_PARTS;
    if (rest_ms > REST_MOST_MS)
        rest_ms = REST_MOST_MS;
    return rest_ms > least_ms ? rest_ms : least_ms;
}

/* ---- posting ---- */

static void on_way_add(struct pp_tower *tower, uint64_t id)
{
    if (tower->on_way_count < ON_WAY_MAX)
        tower->on_way[tower->on_way_count++] = id;
}

static void say_cannot(struct pp_tower *tower, const struct pp_job_intent *intent, struct seen *seen,
                       const struct pp_tower_verdict *verdict)
{
    if (seen->told)
        return;
    seen->told = true;
    say(tower, &(struct pp_tower_saying){PP_TOWER_SAYS_CANNOT, intent->label, "", *verdict, {{0}}});
}

/* TOWER-023: one that was refused waits for the lane's next turn, which may find it on chain, or the refusal's cause gone. */
static enum pp_error post(struct pp_tower *tower, const struct pp_tower_evidence *evidence,
                          const struct pp_tower_verdict *verdict, struct seen *seen)
{
    uint8_t call[CALL_MAX_BYTES];
    struct pp_job_intent intent;
    struct pp_job_record record;
    PP_TRY(
        pp_tower_intent(evidence, verdict->post, &tower->config.domain.contract, call, sizeof call, &intent));
    if (!tower->job) {
        say_cannot(tower, &intent, seen, verdict);
        return PP_OK;
    }
    enum pp_error error = pp_chain_job_find(tower->job, &intent.key, &record);
    if (error != PP_OK && error != PP_NOT_FOUND)
        return error;
    if (error == PP_OK && record.state == PP_JOB_STATE_DROPPED &&
        tower->world.latest.time_s < seen->retry_at_s)
        return PP_OK;
    error = pp_chain_job_queue(tower->job, &intent, &record);
    if (error == PP_EXISTS)
        return PP_OK; /* on its way, or final and this chain's node behind */
    PP_TRY(error);
    seen->retry_at_s = tower->world.latest.time_s + period_s(tower);
    on_way_add(tower, record.id);
    say(tower, &(struct pp_tower_saying){PP_TOWER_SAYS_POSTING, intent.label, "", *verdict, {{0}}});
    return PP_OK;
}

static enum pp_error lane_check(struct pp_tower *tower, size_t index)
{
    struct pp_tower_evidence evidence;
    struct pp_tower_verdict verdict;
    struct seen *seen = &tower->seen[index];
    PP_TRY(lane_judge(tower, index, &evidence, &verdict));
    if (verdict.post == PP_TOWER_POST_NOTHING)
        seen->told = false;
    seen->name = name_of(&evidence.channel_id);
    seen->earnings = verdict.earnings.raw;
    seen->refunds = verdict.refunds.raw;
    seen->due_at_s = verdict.due_at_s;
    seen->deadline_s = verdict.deadline_s;
    seen->post = (uint8_t)verdict.post;
    seen->settle_by_s = verdict.settle_by_s;
    seen->known = true;
    seen->hot = verdict.post != PP_TOWER_POST_NOTHING; /* until it is on chain */
    return verdict.post == PP_TOWER_POST_NOTHING ? PP_OK : post(tower, &evidence, &verdict, seen);
}

/* Lanes that an entry names, that have something due, or whose time has come. */
static void names_mark(struct pp_tower *tower)
{
    const struct tower_world *world = &tower->world;
    for (size_t i = 0; i < tower->count; i++) {
        struct seen *seen = &tower->seen[i];
        seen->hot |= world->names_all ||
                     (seen->known && seen->due_at_s != 0 && seen->due_at_s <= world->latest.time_s &&
                      !seen->hot && seen->deadline_s >= world->latest.time_s);
        for (size_t k = 0; k < world->name_count && !seen->hot; k++)
            seen->hot = !seen->known || seen->name == name_of(&world->names[k]);
    }
}

static size_t slice_of(const struct pp_tower *tower, uint64_t elapsed_ms)
{
    if (elapsed_ms == UINT64_MAX)
        return tower->count;
    uint64_t part = (uint64_t)((pp_u128)tower->count * elapsed_ms / (period_s(tower) * 1000));
    if (!tower->status.complete)
        part = SLICE_MOST;
    uint64_t slice = part + 1 < SLICE_LEAST ? SLICE_LEAST : part + 1 < SLICE_MOST ? part + 1 : SLICE_MOST;
    return slice < tower->count ? (size_t)slice : tower->count;
}

/* A lane that cannot be looked at ends the turn, and the next one goes on behind it. */
static enum pp_error lanes_check(struct pp_tower *tower, uint64_t elapsed_ms)
{
    size_t slice = slice_of(tower, elapsed_ms), hot = 0;
    names_mark(tower);
    for (size_t i = 0; i < tower->count && hot < SLICE_MOST; i++) {
        size_t index = tower->next_hot;
        tower->next_hot = (index + 1) % tower->count;
        if (!tower->seen[index].hot)
            continue;
        hot++;
        PP_TRY(lane_check(tower, index));
    }
    for (size_t i = 0; i < slice; i++) {
        size_t index = tower->next;
        tower->next = (index + 1) % tower->count;
        PP_TRY(lane_check(tower, index));
    }
    return PP_OK;
}

/* ---- what is on its way ---- */

static void say_end(struct pp_tower *tower, const struct pp_job_record *record)
{
    bool well = record->state == PP_JOB_STATE_FINAL;
    struct pp_tower_saying saying = {.word = well ? PP_TOWER_SAYS_POSTED : PP_TOWER_SAYS_REFUSED,
                                     .label = record->label,
                                     .reason = record->reason};
    if (well)
        saying.transaction = record->attempts[record->mined_attempt].hash;
    tower->status.posted += well;
    tower->status.refused += !well;
    say(tower, &saying);
}

static enum pp_error ends_tell(struct pp_tower *tower)
{
    for (size_t i = 0; i < tower->on_way_count;) {
        struct pp_job_record record;
        PP_TRY(pp_chain_job_record(tower->job, tower->on_way[i], &record));
        if (!pp_job_is_over(record.state)) {
            i++;
            continue;
        }
        tower->on_way[i] = tower->on_way[--tower->on_way_count];
        say_end(tower, &record);
    }
    return PP_OK;
}

static enum pp_error on_way_count(struct pp_tower *tower, uint64_t *out)
{
    struct pp_job_record record = {.id = 0};
    enum pp_error error;
    *out = 0;
    while ((error = pp_chain_job_next(tower->job, record.id, true, &record)) == PP_OK)
        ++*out;
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error job_go(struct pp_tower *tower)
{
    uint64_t count = 0;
    if (!tower->job)
        return PP_OK;
    PP_TRY(on_way_count(tower, &count));
    enum pp_error error = count > 0 ? pp_chain_job_round(tower->job) : PP_OK;
    if (error != PP_OK)
        snprintf(tower->status.reason, sizeof tower->status.reason, "%s", pp_chain_job_reason(tower->job));
    PP_TRY(ends_tell(tower));
    PP_TRY(on_way_count(tower, &tower->status.on_way));
    return error;
}

/* ---- the turn ---- */

static void soonest(uint64_t *known, uint64_t time_s)
{
    if (time_s != 0 && (*known == 0 || time_s < *known))
        *known = time_s;
}

static void sums_make(struct pp_tower *tower)
{
    struct pp_tower_status *status = &tower->status;
    uint64_t earnings = 0, refunds = 0; /* of at most 2^20 lanes; for people only, so they stop at the most */
    status->due = status->next_deadline_s = status->settle_by_s = 0;
    status->complete = true;
    for (size_t i = 0; i < tower->count; i++) {
        const struct seen *seen = &tower->seen[i];
        earnings = earnings > UINT64_MAX - seen->earnings ? UINT64_MAX : earnings + seen->earnings;
        refunds = refunds > UINT64_MAX - seen->refunds ? UINT64_MAX : refunds + seen->refunds;
        status->complete = status->complete && seen->known;
        soonest(&status->settle_by_s, seen->settle_by_s);
        if (seen->post == PP_TOWER_POST_NOTHING)
            continue;
        status->due++;
        soonest(&status->next_deadline_s, seen->deadline_s);
    }
    status->lanes = tower->count;
    status->earnings_at_risk = pp_units(earnings);
    status->refunds_at_risk = pp_units(refunds);
    status->latest = tower->world.latest;
    status->challenge_s = tower->world.timers.challenge;
}

static enum pp_error turn(struct pp_tower *tower, uint64_t elapsed_ms)
{
    size_t count = 0;
    bool moved = false;
    PP_TRY(tower->config.source.refresh(tower->config.source.context, &count, &moved));
    PP_TRY(seen_room(tower, count, moved));
    PP_TRY(asked(tower, tower_world_ask(&tower->world)));
    tower_names_ask(&tower->world);
    enum pp_error error = lanes_check(tower, elapsed_ms);
    enum pp_error sent =
        job_go(tower); /* a lane that cannot be looked at does not hold up what was decided */
    sums_make(tower);
    return error != PP_OK ? error : sent;
}

enum pp_error pp_tower_turn(struct pp_tower *tower, uint64_t elapsed_ms)
{
    tower->status.reason[0] = '\0';
    tower->status.error = turn(tower, elapsed_ms);
    tower->status.turns++;
    return tower->status.error;
}

void pp_tower_status_get(const struct pp_tower *tower, struct pp_tower_status *out)
{
    *out = tower->status;
}

const char *pp_tower_reason(const struct pp_tower *tower)
{
    return tower->status.reason;
}

enum pp_error pp_tower_look(struct pp_tower *tower, size_t index, struct pp_tower_lane_view *out)
{
    struct pp_tower_evidence evidence;
    if (index >= tower->count)
        return PP_NOT_FOUND;
    PP_TRY(lane_judge(tower, index, &evidence, &out->verdict));
    out->channel_id = evidence.channel_id;
    out->lane = evidence.lane;
    return PP_OK;
}

void pp_tower_interrupt(struct pp_tower *tower)
{
    pp_rpc_interrupt(tower->world.contract.rpc);
    if (tower->job)
        pp_rpc_interrupt(pp_chain_job_rpc(tower->job));
}

/* ---- opening ---- */

/* What an earlier run decided is carried on, and its end told. */
static enum pp_error leftovers(struct pp_tower *tower)
{
    struct pp_job_record record = {.id = 0};
    enum pp_error error;
    while ((error = pp_chain_job_next(tower->job, record.id, true, &record)) == PP_OK)
        on_way_add(tower, record.id);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error job_open(struct pp_tower *tower, const struct pp_tower_config *config, char *reason)
{
    const struct pp_chain_job_config job = {.dir = config->journal_dir,
                                            .rpc_url = config->rpc_url,
                                            .timeout_ms = config->timeout_ms,
                                            .chain_id = config->domain.chain_id,
                                            .contract = config->domain.contract,
                                            .key = config->key,
                                            .fees = config->fees,
                                            .step = config->step,
                                            .context = config->context};
    if (!config->key)
        return PP_OK;
    PP_TRY(pp_chain_job_open(&job, &tower->job, reason));
    tower->status.can_post = true;
    return leftovers(tower);
}

static enum pp_error parts_open(struct pp_tower *tower, const struct pp_tower_config *config, char *reason)
{
    tower->world.contract.address = config->domain.contract;
    tower->world.chain_id = config->domain.chain_id;
    PP_TRY(pp_crypto_open(&tower->crypto));
    PP_TRY(pp_rpc_open(config->rpc_url, config->timeout_ms, &tower->world.contract.rpc));
    return job_open(tower, config, reason);
}

enum pp_error pp_tower_open(const struct pp_tower_config *config, struct pp_tower **out,
                            char out_reason[PP_RPC_TEXT_MAX])
{
    char reason[PP_RPC_TEXT_MAX] = "";
    struct pp_tower *tower = calloc(1, sizeof *tower);
    if (!tower)
        return PP_NO_MEMORY;
    tower->config = *config;
    tower->config.key = NULL;
    tower->config.rpc_url = tower->config.journal_dir = NULL;
    enum pp_error error = parts_open(tower, config, reason);
    if (error != PP_OK) {
        if (out_reason)
            memcpy(out_reason, reason, sizeof reason);
        pp_tower_close(tower);
        return error;
    }
    *out = tower;
    return PP_OK;
}

void pp_tower_close(struct pp_tower *tower)
{
    if (!tower)
        return;
    pp_chain_job_close(tower->job);
    pp_rpc_close(tower->world.contract.rpc);
    if (tower->crypto)
        pp_crypto_close(tower->crypto);
    free(tower->seen);
    free(tower);
}
