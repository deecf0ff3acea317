/* Goal: what a payout is made of adds up to it, epoch by epoch, in every form. Method: a node with a blend, a least payout and a
 * bound on refunds; epochs that carry, pay and refund, one whose report was never posted; then the verb, as people and programs
 * see it. PAYOUT-001 ... PAYOUT-006 */
#include "cli_run.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "statement.h"
#include "store/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_made_request made;
    struct pp_hash last;
    uint64_t epochs[4];
};

static void send(struct world *world, size_t count)
{
    struct pp_answer answer;
    pp_request_make(&world->made, &world->fixture, &world->sender, count, (struct pp_parcel_of){1000, 5}, 1);
    pp_submit_wait(world->fixture.node, &world->made.request, &answer);
    ck_assert_ok(answer.error);
    pp_answer_done(&answer);
}

static void delete_first(struct world *world)
{
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    pp_delete_make(&world->fixture, &world->sender, &world->made.envelopes[0].leaf, &world->made.ids[0],
                   &delete);
    ck_assert_ok(pp_node_delete(world->fixture.node, &delete, 1, &result, &refund));
    ck_assert_ok(result.refusal.error);
}

/* An epoch passes, the chain has received so much; the report of it is posted, or not. */
static uint64_t epoch_pass(struct world *world, uint64_t received, bool posted)
{
    static const struct pp_hash none = {{0}};
    struct pp_claims *claims;
    struct pp_claims_report *report;
    world->fixture.now_ms += world->fixture.config.epoch_seconds * 1000;
    pp_fixture_head(&world->fixture, received, pp_hash_eq(&world->last, &none) ? NULL : &world->last);
    ck_assert_ok(pp_node_tick(world->fixture.node));
    uint64_t epoch = (world->fixture.now_ms / 1000 - 2) / world->fixture.config.epoch_seconds - 1;
    ck_assert_ok(pp_claims_open(world->fixture.dir, &claims, NULL));
    ck_assert_ok(pp_claims_report(claims, epoch, &report));
    if (posted)
        world->last = report->hash;
    pp_claims_report_done(report);
    pp_claims_close(claims);
    return epoch;
}

/* Of 1,000: 50 to the treasury, 950 carried. One that was not posted. Of 2,000 more 100 and 1,900: 2,850 are paid. Then a refund of
 * more than was taken. */
static void world_open(struct world *world)
{
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    world->fixture.config.payouts =
        (struct pp_payout_terms){.policy = PP_POLICY_BLEND,
                                 .blend = {{{PP_POLICY_EQUAL, 3000}, {PP_POLICY_XMTP_EQUAL, 7000}}, 2},
                                 .minimum_payout = pp_units(2000),
                                 .refund_bound_basis_points = 500};
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 25000000, 0);
    send(world, 2);
    world->epochs[0] = epoch_pass(world, 1000, true);
    world->epochs[1] = epoch_pass(world, 2999, false);
    world->epochs[2] = epoch_pass(world, 3000, true);
    delete_first(world);
    world->epochs[3] = epoch_pass(world, 3000, true);
}

static void world_close(struct world *world)
{
    pp_request_done(&world->made);
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void expect_row(const struct cli_statement_row *row, uint64_t epoch, uint64_t part, uint64_t equal,
                       uint64_t paid, uint64_t carry, uint64_t cumulative)
{
    ck_assert_uint_eq(row->epoch, epoch);
    ck_assert_uint_eq(row->line.part.raw, part);
    ck_assert_uint_eq(cli_statement_part_by(row, PP_POLICY_EQUAL).raw, equal);
    ck_assert_uint_eq(cli_statement_part_by(row, PP_POLICY_XMTP_EQUAL).raw, part - equal);
    ck_assert_uint_eq(cli_statement_part_by(row, PP_POLICY_WORK).raw, 0);
    ck_assert_uint_eq(row->line.paid.raw, paid);
    ck_assert_uint_eq(row->line.carry.raw, carry);
    ck_assert_uint_eq(row->cumulative.raw, cumulative);
}

START_TEST(statement__epochs_that_carry_pay_and_refund__adds_up)
{
    struct world world;
    struct cli_statement statement;
    struct pp_claims *claims;
    world_open(&world);
    ck_assert_ok(pp_claims_open(world.fixture.dir, &claims, NULL));
    ck_assert_ok(cli_statement_read(claims, world.epochs[3], FIXTURE_NODE_ID, 60, &statement));
    ck_assert_uint_eq(statement.count, 3);
    expect_row(&statement.rows[0], world.epochs[0], 950, 285, 0, 950, 0);
    expect_row(&statement.rows[1], world.epochs[2], 1900, 570, 2850, 0, 2850);
    expect_row(&statement.rows[2], world.epochs[3], 0, 0, 0, 0, 2850);
    ck_assert(!statement.rows[1].line.is_inflated && statement.rows[2].line.is_inflated);
    ck_assert(statement.rows[2].line.took_grains == 0 && statement.rows[2].line.refunded_grains > 0);
    ck_assert(statement.rows[0].line.took_grains == 32000);
    ck_assert_uint_eq(statement.payout.amount.raw, 2850);
    ck_assert_uint_eq(statement.earlier_paid.raw, 0);
    cli_statement_done(&statement);

    ck_assert_ok(cli_statement_read(claims, world.epochs[3], FIXTURE_NODE_ID, 2, &statement));
    ck_assert_uint_eq(statement.count, 2);
    ck_assert_uint_eq(statement.rows[0].epoch, world.epochs[2]);
    ck_assert_uint_eq(statement.earlier_carry.raw, 950);
    cli_statement_done(&statement);

    ck_assert_ok(cli_statement_read(claims, world.epochs[2], PP_TREASURY_NODE_ID, 60, &statement));
    ck_assert_uint_eq(statement.count, 2);
    ck_assert_uint_eq(statement.rows[0].line.part.raw + statement.rows[1].line.part.raw, 150);
    ck_assert_uint_eq(statement.payout.amount.raw, 150);
    cli_statement_done(&statement);
    ck_assert_error(cli_statement_read(claims, world.epochs[3], 99, 60, &statement), PP_NOT_FOUND);
    ck_assert_error(cli_statement_read(claims, 0, FIXTURE_NODE_ID, 60, &statement), PP_NOT_FOUND);
    pp_claims_close(claims);
    world_close(&world);
}
END_TEST

/* What a node wrote before there was a version 2: the same fields, signed alike. */
static enum pp_error bundles_grow_old(void *context, struct pp_txn *txn)
{
    const struct world *world = context;
    for (unsigned i = 0; i < 4; i++) {
        struct pp_report *report = calloc(1, sizeof *report);
        struct pp_lane_leaf lanes[4];
        struct pp_hash nodes[8];
        struct pp_slice bundle;
        struct pp_key8 key = pp_key8_of(world->epochs[i]);
        uint8_t bytes[4096];
        size_t count, length;
        ck_assert_ok(pp_txn_get(txn, PP_TABLE_REPORTS, pp_slice(key.bytes, 8), &bundle));
        ck_assert_ok(pp_report_lane_count(bundle.bytes, bundle.length, &count));
        ck_assert_ok(pp_report_decode(bundle.bytes, bundle.length, lanes, count, nodes, report));
        report->version = PP_REPORT_VERSION_WITHOUT_POOL;
        ck_assert_ok(pp_report_encode(report, bytes, sizeof bytes, &length));
        free(report);
        const struct pp_slice part = {bytes, length};
        PP_TRY(pp_txn_put(txn, PP_TABLE_REPORTS, pp_slice(key.bytes, 8), &part, 1));
    }
    return PP_OK;
}

/* PAYOUT-004 */
START_TEST(statement__reports_of_version_1__what_was_paid_and_nothing_made_up)
{
    struct world world;
    struct cli_statement statement;
    struct pp_claims *claims;
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES];
    world_open(&world);
    pp_node_close(world.fixture.node);
    world.fixture.node = NULL;
    ck_assert_ok(pp_data_open(world.fixture.dir, world.fixture.config.map_bytes, false, &data, reason));
    ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, bundles_grow_old, &world));
    pp_data_close(&data);
    ck_assert_ok(pp_claims_open(world.fixture.dir, &claims, NULL));
    ck_assert_ok(cli_statement_read(claims, world.epochs[3], FIXTURE_NODE_ID, 60, &statement));
    ck_assert_uint_eq(statement.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(statement.rows[i].line.paid.raw, i == 1 ? 2850 : 0);
        ck_assert_uint_eq(cli_statement_part_by(&statement.rows[i], PP_POLICY_EQUAL).raw, 0);
        ck_assert_uint_eq(statement.rows[i].version, 1);
    }
    ck_assert_uint_eq(statement.payout.amount.raw, 2850);
    cli_statement_done(&statement);
    pp_claims_close(claims);
    pp_request_done(&world.made);
    pp_fixture_done(&world.fixture);
    pp_temp_dir_remove(&world.dir);
}
END_TEST

static uint64_t sum_of(const json_t *rows, const char *key)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        sum += pp_json_u64(json_array_get(rows, i), key);
    return sum;
}

/* The proof, checked from what the JSON says and nothing else. */
static void expect_proof(const json_t *object)
{
    struct pp_payout payout = {.node_id = (uint32_t)pp_json_u64(object, "node_id"),
                               .amount = pp_units(pp_json_u64(object, "cumulative_units"))};
    struct pp_payout_proof proof = {0};
    struct pp_hash root;
    const json_t *steps = pp_json_member(object, "proof");
    pp_json_bytes(object, "payee", payout.payee.bytes, 20);
    pp_json_bytes(object, "payout_root", root.bytes, 32);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        pp_json_bytes(step, "hash", proof.path[i].hash.bytes, 32);
        proof.path[i].sum = pp_json_u128(step, "sum_units");
        proof.path[i].on_left = pp_json_bool(step, "on_left");
        proof.length++;
    }
    ck_assert_ok(pp_payout_verify(&root, pp_json_u128(object, "payout_total_units"), &payout, &proof));
}

START_TEST(payout_operator__json__adds_up_and_proves)
{
    struct world world;
    struct cli_run run;
    world_open(&world);
    CLI_RUN(&run, "payout", "--data", world.fixture.dir, "--operator", "7", "--json");
    ck_assert_msg(run.status == 0, "%s%s", run.out, run.err);
    json_t *object = cli_run_json(&run);
    const json_t *rows = pp_json_member(pp_json_member(object, "statement"), "epochs");
    expect_proof(object);
    ck_assert_uint_eq(json_array_size(rows), 3);
    ck_assert_uint_eq(sum_of(rows, "paid_units"), pp_json_u64(object, "cumulative_units"));
    ck_assert_uint_eq(sum_of(rows, "part_units"), pp_json_u64(object, "cumulative_units") +
                                                      pp_json_u64(object, "carry_units") +
                                                      pp_json_u64(object, "netted_units"));
    const json_t *parts = pp_json_member(json_array_get(rows, 1), "part_by_policy_units");
    ck_assert_uint_eq(pp_json_u64(parts, "equal"), 570);
    ck_assert_uint_eq(pp_json_u64(parts, "xmtp-equal"), 1330);
    ck_assert(pp_json_bool(json_array_get(rows, 2), "refunds_above_bound"));
    json_decref(object);
    cli_run_done(&run);
    world_close(&world);
}
END_TEST

START_TEST(payout_operator__csv_and_table__the_same_numbers)
{
    struct world world;
    struct cli_run run;
    char line[256];
    world_open(&world);
    CLI_RUN(&run, "payout", "--data", world.fixture.dir, "--operator", "7", "--csv");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(
        strstr(run.out, "epoch,report,equal_units,stake_units,work_units,xmtp-equal_units,part_units,"));
    ck_assert_ptr_nonnull(strstr(run.out, ",570,0,0,1330,1900,0,0,0,0,0,2850,0,2850,0,0,no\n"));
    ck_assert_ptr_nonnull(strstr(run.out, ",0,2850,0,9000,yes\n")); /* three of five days of 3,000 */
    snprintf(line, sizeof line, "\n%llu,0x", (unsigned long long)world.epochs[2]);
    ck_assert_ptr_nonnull(strstr(run.out, line));
    size_t lines = 0;
    for (const char *at = run.out; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, 4);
    cli_run_done(&run);
    CLI_RUN(&run, "payout", "--data", world.fixture.dir, "--operator", "7");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "equal 0.00057, xmtp-equal 0.00133"));
    ck_assert_ptr_nonnull(strstr(run.out, "refunds above the bound"));
    ck_assert_ptr_nonnull(strstr(run.out, "0.00285"));
    cli_run_done(&run);
    world_close(&world);
}
END_TEST

static void expect_refused(const char *dir, const char *verb, const char *const *more, int status,
                           const char *name)
{
    const char *all[12] = {verb, "--data", dir, "--json"};
    struct cli_run run;
    for (size_t i = 0; more[i]; i++)
        all[4 + i] = more[i];
    cli_run(&run, all);
    ck_assert_msg(run.status == status, "%d: %s", run.status, run.out);
    json_t *object = cli_run_json(&run);
    ck_assert_str_eq(cli_run_error(object), name);
    json_decref(object);
    cli_run_done(&run);
}
#define REFUSED_VERB(dir, status, name, verb, ...)                                                           \
    expect_refused(dir, verb, (const char *const[]){__VA_ARGS__, NULL}, status, name)
#define REFUSED(dir, status, name, ...) REFUSED_VERB(dir, status, name, "payout", __VA_ARGS__)

START_TEST(payout_operator__wrong_use__refused)
{
    struct world world;
    world_open(&world);
    REFUSED(world.fixture.dir, 1, "NOT_FOUND", "--operator", "9");
    REFUSED(world.fixture.dir, 2, "USAGE", "--operator", "16777216");
    REFUSED(world.fixture.dir, 2, "USAGE", "--csv");
    REFUSED(world.fixture.dir, 2, "USAGE", "--operator", "7", "--csv"); /* with --json */
    REFUSED(world.fixture.dir, 2, "USAGE", "--operator", "7", "--rpc", "http://127.0.0.1:1");
    REFUSED(world.fixture.dir, 2, "USAGE", "--operator", "7", "--epochs", "0");
    world_close(&world);
}
END_TEST

/* Bundles of a node: AUDIT-006, AUDIT-018; the report's own telling: REW-110. */
START_TEST(report_and_audit__verbs__agree_and_name_what_was_altered)
{
    struct world world;
    struct cli_run run;
    char path[300], epoch[24];
    world_open(&world);
    snprintf(path, sizeof path, "%s/bundle", world.dir.path);
    CLI_RUN(&run, "report", "--data", world.fixture.dir, "--export", path, "--json");
    ck_assert_msg(run.status == 0, "%s%s", run.out, run.err);
    json_t *object = cli_run_json(&run);
    const json_t *inflated = pp_json_member(object, "refunds_above_bound");
    ck_assert_uint_eq(json_array_size(inflated), 1);
    ck_assert_uint_eq(pp_json_u64(json_array_get(inflated, 0), "node_id"), FIXTURE_NODE_ID);
    ck_assert_uint_eq(pp_json_u64(json_array_get(inflated, 0), "refunded_grains"), 9000);
    json_decref(object);
    cli_run_done(&run);
    CLI_RUN(&run, "audit", path, "--json");
    ck_assert_msg(run.status == 0, "%s", run.out);
    object = cli_run_json(&run);
    ck_assert_uint_eq(pp_json_u64(object, "epoch"), world.epochs[3]);
    ck_assert_uint_eq(pp_json_u64(object, "lanes"), 1);
    ck_assert_uint_eq(pp_json_u64(object, "payout_total_units"), 3000);
    json_decref(object);
    cli_run_done(&run);

    CLI_RUN(&run, "report", "--data", world.fixture.dir, "--export", path, "--json");
    ck_assert_int_eq(run.status, 1);
    object = cli_run_json(&run);
    ck_assert_str_eq(cli_run_error(object), "EXISTS");
    json_decref(object);
    cli_run_done(&run);
    ck_assert_int_eq(remove(path), 0);
    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)world.epochs[2]);
    CLI_RUN(&run, "report", "--data", world.fixture.dir, "--epoch", epoch, "--export", path);
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_null(strstr(run.out, "above the bound"));
    cli_run_done(&run);
    CLI_RUN(&run, "report", "--data", world.fixture.dir);
    ck_assert_ptr_nonnull(
        strstr(run.out, "node 7 refunded 9000 grains in the epoch and took 0: above the bound of 5.00 %"));
    cli_run_done(&run);

    size_t length;
    char *bytes = pp_file_load(path, &length), *at = strstr(bytes, "\"paid_units\":\"2850\"");
    ck_assert_ptr_nonnull(at);
    at[15] = '9'; /* 2950 */
    cli_file_make(path, bytes, length);
    free(bytes);
    CLI_RUN(&run, "audit", path);
    ck_assert_int_eq(run.status, 1);
    ck_assert_ptr_nonnull(strstr(run.out, "share of node 7: CORRUPT"));
    ck_assert_ptr_nonnull(
        strstr(run.out, "share of node 7: INVARIANT: paid_units: expected 2850, found 2950"));
    cli_run_done(&run);
    REFUSED_VERB(world.fixture.dir, 1, "NOT_FOUND", "report", "--epoch", "5");
    CLI_RUN(&run, "audit", "/nonexistent", "--json");
    ck_assert_int_eq(run.status, 1);
    cli_run_done(&run);
    CLI_RUN(&run, "audit", "--json");
    ck_assert_int_eq(run.status, 2);
    cli_run_done(&run);
    world_close(&world);
}
END_TEST

PP_TESTS("statement")
PP_TEST(statement__epochs_that_carry_pay_and_refund__adds_up)
PP_TEST(statement__reports_of_version_1__what_was_paid_and_nothing_made_up)
PP_TEST(payout_operator__json__adds_up_and_proves)
PP_TEST(payout_operator__csv_and_table__the_same_numbers)
PP_TEST(payout_operator__wrong_use__refused)
PP_TEST(report_and_audit__verbs__agree_and_name_what_was_altered)
PP_TESTS_END
