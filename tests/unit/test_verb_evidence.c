/* Goal: `pennypost evidence verify FILE` says whom a proof convicts, of what, by which signatures; and why one that does not
 * hold does not. No node, no chain, no network.
 * Method: proofs as files, the verb in this process. */
#include "cli_run.h"
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <verbs.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_forge forge;
    char path[300];
    uint8_t *a, *b, *bytes;
    size_t length;
};

/* A file with the proof of a fork. */
static void world_open(struct world *world)
{
    struct pp_proof proof;
    struct pp_leaf leaf;
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_forge_init(&world->forge, &world->fixture);
    snprintf(world->path, sizeof world->path, "%s/fork.proof", world->dir.path);
    world->a = malloc(PP_SEGMENT_MAX_BYTES);
    world->b = malloc(PP_SEGMENT_MAX_BYTES);
    world->bytes = malloc(PP_PROOF_MAX_BYTES);
    pp_forge_proof(&world->forge, PP_PROOF_FORK, 1, 1, &proof);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *out = i == 0 ? world->a : world->b;
        pp_journal_head_init(&world->forge.head);
        pp_forge_begin(&world->forge);
        pp_forge_leaf(&world->sender, 0, i, &leaf);
        pp_forge_charged(&world->forge, &world->sender, &leaf, &world->sender.key);
        proof.statements[i] =
            (struct pp_statement){PP_STATEMENT_SEGMENT, {out, pp_forge_end(&world->forge, out)}};
    }
    ck_assert_ok(pp_proof_encode(&proof, world->bytes, PP_PROOF_MAX_BYTES, &world->length));
}

static void world_close(struct world *world)
{
    pp_forge_done(&world->forge);
    free(world->a);
    free(world->b);
    free(world->bytes);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void file_write(const struct world *world, size_t length)
{
    FILE *file = fopen(world->path, "wb");
    ck_assert_uint_eq(fwrite(world->bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static void refused_with(const struct world *world, const char *code)
{
    struct cli_run run;
    CLI_RUN(&run, "evidence", "verify", world->path, "--json");
    ck_assert_int_eq(run.status, CLI_FAILED);
    json_t *object = cli_run_json(&run);
    ck_assert_str_eq(cli_run_error(object), code);
    json_decref(object);
    cli_run_done(&run);
}

/* EVID-027 */
START_TEST(evidence__a_proof_that_holds__says_whom_and_what)
{
    struct world world;
    struct cli_run run;
    char hex[2 * 20 + 1];
    world_open(&world);
    file_write(&world, world.length);
    CLI_RUN(&run, "evidence", "verify", world.path, "--json");
    ck_assert_int_eq(run.status, CLI_OK);
    json_t *object = cli_run_json(&run);
    ck_assert_str_eq(pp_json_text(object, "kind"), "FORK");
    ck_assert_str_eq(pp_json_text(object, "operator") + 2,
                     pp_hex_print(world.fixture.operator_address.bytes, 20, hex));
    ck_assert_uint_eq(pp_json_u64(object, "node_id"), FIXTURE_NODE_ID);
    ck_assert_uint_eq(pp_json_u64(object, "lane"), FIXTURE_LANE);
    ck_assert_str_ne(pp_json_text(object, "first_signature"), pp_json_text(object, "second_signature"));
    ck_assert_str_eq(pp_json_text(object, "first_key"), "operator");
    ck_assert_str_eq(pp_json_text(object, "second_signer"), pp_json_text(object, "operator"));
    json_decref(object);
    cli_run_done(&run);
    CLI_RUN(&run, "evidence", "verify", world.path);
    ck_assert_int_eq(run.status, CLI_OK);
    ck_assert_ptr_nonnull(strstr(run.out, "two journals for one lane"));
    ck_assert_ptr_nonnull(strstr(run.out, hex));
    cli_run_done(&run);
    world_close(&world);
}
END_TEST

/* EVID-026, EVID-027 */
START_TEST(evidence__altered_or_no_proof__refused_by_name)
{
    struct world world;
    struct cli_run run;
    world_open(&world);
    refused_with(&world, "NOT_FOUND"); /* there is no file */
    file_write(&world, world.length - 1);
    refused_with(&world, "TRUNCATED");
    world.bytes[world.length++] = 0;
    file_write(&world, world.length);
    refused_with(&world, "TRAILING_BYTES");
    world.length--;
    world.bytes[world.length - 1] ^= 1; /* a record */
    file_write(&world, world.length);
    refused_with(&world, "CONTENT_MISMATCH");
    world.bytes[world.length - 1] ^= 1;
    world.bytes[40] ^= 1; /* another operator */
    file_write(&world, world.length);
    refused_with(&world, "BAD_SIGNATURE");
    world.bytes[40] ^= 1;
    world.bytes[64] ^= 4; /* another place */
    file_write(&world, world.length);
    refused_with(&world, "NO_CONFLICT");
    world.bytes[0] = 'x';
    file_write(&world, world.length);
    refused_with(&world, "BAD_FORMAT");
    CLI_RUN(&run, "evidence", "prove", world.path);
    ck_assert_int_eq(run.status, CLI_USAGE);
    cli_run_done(&run);
    CLI_RUN(&run, "evidence", "verify");
    ck_assert_int_eq(run.status, CLI_USAGE);
    cli_run_done(&run);
    world_close(&world);
}
END_TEST

/* EVID-021 */
START_TEST(evidence__signed_by_the_sender_only__proves_nothing)
{
    struct world world;
    struct pp_proof proof;
    struct pp_voucher voucher = {0};
    uint8_t statement[PP_VOUCHER_STATEMENT_BYTES];
    world_open(&world);
    pp_voucher_statement_write(&voucher, statement);
    pp_forge_proof(&world.forge, PP_PROOF_OVERLAP, 1, 2, &proof);
    for (unsigned i = 0; i < 2; i++)
        proof.statements[i] = (struct pp_statement){PP_STATEMENT_VOUCHER, {statement, sizeof statement}};
    ck_assert_ok(pp_proof_encode(&proof, world.bytes, PP_PROOF_MAX_BYTES, &world.length));
    file_write(&world, world.length);
    refused_with(&world, "PROVES_NOTHING");
    world_close(&world);
}
END_TEST

PP_TESTS("verb_evidence")
PP_TEST(evidence__a_proof_that_holds__says_whom_and_what)
PP_TEST(evidence__altered_or_no_proof__refused_by_name)
PP_TEST(evidence__signed_by_the_sender_only__proves_nothing)
PP_TESTS_END
