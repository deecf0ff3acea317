/* The table of measurements; README.md has the same one. */
#include "bench.h"

#define AT_LEAST(millis) BENCH_AT_LEAST, millis
#define AT_MOST(millis) BENCH_AT_MOST, millis
#define SHOWN BENCH_NO_REACH, 0

const struct bench_entry bench_entries[] = {
    {"single_durable", "stamps/s", "threads x bare (EIP-712 digest + verify with a cached key)",
     AT_LEAST(900), bench_single_durable},
    {"batch64_store", "envelopes/s", "LMDB append of the same bytes in groups of 1024", AT_LEAST(350),
     bench_batch64_store},
    {"batch64_charges", "stamps/s",
     "the smaller of: LMDB append of the charge records; threads x bare cryptography per stamp",
     AT_LEAST(600), bench_batch64_charges},
    {"session_verify", "stamps/s of a core", "BLAKE2b of the envelope + BLAKE2b MAC, bare", AT_LEAST(700),
     bench_session_verify},
    {"session_durable", "stamps/s",
     "the smaller of: LMDB append of the charge records; threads x bare cryptography per stamp",
     AT_LEAST(600), bench_session_durable},
    {"http_single", "stamps/s of a core", "1 / (1 / empty handler + 1 / verify)", AT_LEAST(800),
     bench_http_single},
    {"lanes_1e7", "envelopes/s", "with 10^3 lanes", AT_LEAST(800), bench_lanes_1e7},
    {"lane_idle_bytes", "bytes", "bound", AT_MOST(1000), bench_lane_idle_bytes},
    {"lane_busy_bytes", "bytes", "bound", AT_MOST(1000), bench_lane_busy_bytes},
    {"startup_1e7", "us", "reading the file with the checkpoint, as cold", AT_MOST(5000), bench_startup_1e7},
    {"p99_flushes", "ns", "p99 of the bare flush of the same bytes", AT_MOST(6000), bench_p99_flushes},
    {"postgres_single", "stamps/s", "the same charge in PostgreSQL, one transaction an envelope, 32 clients",
     AT_LEAST(20000), bench_postgres_single},
    {"postgres_batch", "stamps/s", "the same charge in PostgreSQL, 1000 rows a statement", AT_LEAST(3000),
     bench_postgres_batch},
    {"mppx_http", "stamps/s of a core", "voucher acceptance of mppx's session server in Node.js",
     AT_LEAST(10000), bench_mppx_http},
    {"flood_honest", "stamps/s", "the same senders without the attack", AT_LEAST(800), bench_flood_honest},
    {"curve_batch", "stamps/s", "the same in batches of one", SHOWN, bench_curve_batch},
    {"journal_append", "records/s", "a preallocated log, one fdatasync a group of 64", SHOWN,
     bench_journal_append},
    {"epoch_1e6_lanes_s", "ms of a core", "10 s", AT_MOST(1000), bench_epoch_1e6_lanes_s, "rewards"},
    {"epoch_1e6_lanes_mib", "MiB", "1 GiB", AT_MOST(1000), bench_epoch_1e6_lanes_mib, "rewards"},
    {"audit_1e6_lanes_s", "ms of a core", "10 s", AT_MOST(1000), bench_audit_1e6_lanes_s, "rewards"},
    {"payout_proofs", "us", "the hashes of the payout tree, once", SHOWN, bench_payout_proofs, "rewards"},
};
const size_t bench_entries_count = sizeof bench_entries / sizeof bench_entries[0];
