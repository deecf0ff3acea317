/* The settlement job: runs, dies at any moment, and what of its transactions took effect. */
#include "chaos_parts.h"

#include "pp_test.h"

#include <pp/chain_settle.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOURNAL_FILE "data.mdb"

static void job_die(struct chaos *c)
{
    chaos_folder(c, "job", c->next_job_dir);
    chaos_file_copy(c->job_dir, c->next_job_dir, JOURNAL_FILE, false);
    c->job_is_dead = true;
    c->job_line.network.cut = true;
}

static void moment(struct chaos *c)
{
    if (!c->job_is_dead && ++c->job_moments == c->job_kill_at)
        job_die(c);
}

static void on_step(void *context, const char *next)
{
    (void)next;
    moment(context);
}

static void on_arrival(void *context, const char *method)
{
    (void)method;
    moment(context);
}

static bool on_rest(void *context)
{
    struct chaos *c = context;
    if (c->job_is_dead)
        return false;
    chaos_pass(c, c->poll_ms);
    return ++c->rests < c->rests_most;
}

static struct pp_chain_job *job_open(struct chaos *c)
{
    struct pp_chain_job *job;
    char reason[PP_RPC_TEXT_MAX] = "";
    const struct pp_chain_job_config config = {
        .dir = c->job_dir,
        .rpc_url = "http://simulated",
        .carrier = &c->job_line.carrier,
        .chain_id = c->fixture.config.domain.chain_id,
        .contract = c->fixture.config.domain.contract,
        .key = &c->gas_key,
        .fees = c->fees,
        .poll_ms = c->poll_ms,
        .rest = on_rest,
        .step = on_step,
        .context = c,
    };
    enum pp_error error = pp_chain_job_open(&config, &job, reason);
    ck_assert_msg(error == PP_OK, "seed %lu: the job's journal: %s: %s", c->seed, pp_error_name(error),
                  reason);
    return job;
}

static void found_note(struct chaos *c, struct pp_chain_job *job)
{
    struct pp_job_record record = {.id = 0};
    while (pp_chain_job_next(job, record.id, false, &record) == PP_OK)
        c->summary->found_in[record.state]++;
}

void chaos_claims_open(struct chaos *c)
{
    char dir[280], reason[256] = "";
    chaos_folder(c, "claims", dir);
    chaos_node_copy(c, dir);
    enum pp_error error = pp_claims_open(dir, &c->claims, reason);
    ck_assert_msg(error == PP_OK, "seed %lu: claims: %s: %s", c->seed, pp_error_name(error), reason);
}

void chaos_claims_close(struct chaos *c)
{
    pp_claims_close(c->claims);
    c->claims = NULL;
}

/* An unknown outcome is no failure, and no failure of the chain is one of the disk. */
static void error_check(const struct chaos *c, struct pp_chain_job *job, enum pp_error error)
{
    ck_assert_msg(error == PP_OK || pp_error_class(error) != PP_CLASS_FAULT || c->job_is_dead ||
                      error == PP_CHAIN_DOWN || error == PP_CHAIN_NONSENSE,
                  "seed %lu: the job: %s: %s", c->seed, pp_error_name(error), pp_chain_job_reason(job));
    ck_assert_msg(error == PP_OK || !c->job_line.network.calm || c->job_is_dead,
                  "seed %lu: the job, in calm weather: %s: %s", c->seed, pp_error_name(error),
                  pp_chain_job_reason(job));
}

bool chaos_settle(struct chaos *c)
{
    struct pp_settle_result *result = malloc(sizeof *result);
    const struct pp_settle_options options = {.dust = pp_units(1)};
    ck_assert_ptr_nonnull(result);
    c->job_moments = 0;
    c->rests = 0;
    c->job_line.network.arrived = on_arrival;
    c->job_line.network.context = c;
    struct pp_chain_job *job = job_open(c);
    found_note(c, job);
    enum pp_error error = pp_settle_run(job, c->claims, &options, result);
    error_check(c, job, error);
    pp_chain_job_close(job);
    if (c->job_is_dead) {
        memcpy(c->job_dir, c->next_job_dir, sizeof c->job_dir);
        c->job_is_dead = false;
        c->job_line.network.cut = false;
        c->summary->job_kills++;
        error = PP_CHAIN_DOWN;
    }
    free(result);
    return error == PP_OK;
}

/* ---- what took effect ---- */

struct effects {
    unsigned mined, succeeded;
};

static bool is_expected(const struct pp_job_record *record, const struct sim_block *block, size_t at)
{
    const struct sim_entry *entry = &block->entries[at];
    for (uint32_t i = 0; i < entry->logs_count; i++)
        if (pp_job_is_expected(&record->expectation, &block->logs[entry->logs_at + i]))
            return entry->succeeded;
    return false;
}

static struct effects record_effects(const struct chaos *c, const struct pp_job_record *record)
{
    struct effects effects = {0, 0};
    const struct sim_view view = sim_chain_view(&c->chain, 0, false);
    for (uint32_t i = 0; i < record->attempt_count; i++) {
        size_t at;
        const struct sim_tx *tx = sim_chain_find(&c->chain, &record->attempts[i].hash);
        const struct sim_block *block = tx ? sim_view_mined(&view, tx, &at) : NULL;
        effects.mined += block != NULL;
        effects.succeeded += block && is_expected(record, block, at);
    }
    return effects;
}

static unsigned own_mined(const struct chaos *c)
{
    unsigned count = 0;
    for (uint64_t i = 0; i < c->chain.main.count; i++)
        for (uint32_t k = 0; k < c->chain.main.blocks[i]->entry_count; k++) {
            const struct sim_tx *tx = c->chain.main.blocks[i]->entries[k].tx;
            count += tx->is_accounts && !tx->is_foreign;
        }
    return count;
}

/* CHAOS-001: the journal and the chain tell the same, and nothing was done twice. */
void chaos_effects_check(struct chaos *c)
{
    struct pp_chain_job *job = job_open(c);
    struct pp_job_record record = {.id = 0};
    unsigned mined = 0;
    while (pp_chain_job_next(job, record.id, false, &record) == PP_OK) {
        const struct effects effects = record_effects(c, &record);
        mined += effects.mined;
        ck_assert_msg(effects.mined <= 1, "seed %lu: '%s' was mined %u times", c->seed, record.label,
                      effects.mined);
        ck_assert_msg(pp_job_is_over(record.state), "seed %lu: '%s' is left %s", c->seed, record.label,
                      pp_job_state_name(record.state));
        ck_assert_msg((record.state == PP_JOB_STATE_FINAL) == (effects.succeeded == 1),
                      "seed %lu: '%s' is %s (%s), and took effect %u times", c->seed, record.label,
                      pp_job_state_name(record.state), record.reason, effects.succeeded);
    }
    ck_assert_msg(mined == own_mined(c), "seed %lu: %u transactions are in the journal, %u on the chain",
                  c->seed, mined, own_mined(c));
    pp_chain_job_close(job);
}
