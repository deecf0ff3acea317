/* pp_fixture.h - what tests bring with them: temporary folders, bytes from hex, JSON vectors, tables of the
 * specifications, random numbers that come again.
 *
 * Errors: none. Whatever goes wrong here fails the test that asked.
 */
#ifndef PP_FIXTURE_H
#define PP_FIXTURE_H

#include <jansson.h>
#include <pp/amount.h>
#include <pp/ids.h>

/* A new empty folder; removed with all that is in it. A failed test leaves its folder behind, to look at. */
struct pp_temp_dir {
    char path[256];
};
void pp_temp_dir_make(struct pp_temp_dir *dir);
void pp_temp_dir_remove(struct pp_temp_dir *dir);

/* Whole file, with a 0 behind it; free() it. pp_source_load takes a path below the source folder. */
char *pp_file_load(const char *path, size_t *out_length);
char *pp_source_load(const char *path, size_t *out_length);

/* Hex, with or without 0x, of exactly the length asked for. */
void pp_bytes_of(const char *hex, uint8_t *out, size_t length);
struct pp_hash pp_hash_of(const char *hex);
struct pp_address pp_address_of(const char *hex);
struct pp_signature pp_signature_of(const char *hex);
#define ck_assert_hex(bytes_, length_, hex_)                                                                 \
    do {                                                                                                     \
        char ck_text_[2 * (length_) + 1];                                                                    \
        const char *ck_hex_ = (hex_);                                                                        \
        ck_assert_str_eq(pp_hex_print((bytes_), (length_), ck_text_),                                        \
                         ck_hex_ + (ck_hex_[0] == '0' && ck_hex_[1] == 'x' ? 2 : 0));                        \
    } while (0)

/* specs/vectors/NAME; json_decref() it. Members: a number is a JSON integer, or its decimal digits in a string. */
json_t *pp_vectors_load(const char *name);
json_t *pp_json_member(const json_t *object, const char *key);
const char *pp_json_text(const json_t *object, const char *key);
bool pp_json_bool(const json_t *object, const char *key);
uint64_t pp_json_u64(const json_t *object, const char *key);
pp_u128 pp_json_u128(const json_t *object, const char *key);
struct pp_grains pp_json_grains(const json_t *object, const char *key);
void pp_json_bytes(const json_t *object, const char *key, uint8_t *out, size_t length);
/* Hex of any length; free() it. */
uint8_t *pp_json_bytes_any(const json_t *object, const char *key, size_t *out_length);

/* The first table of specs/PAGE whose first heading is `heading`. Cells are trimmed; `code` loses its backticks. */
struct pp_spec_table {
    size_t rows; /* without the heading */
    size_t columns;
    char **cells; /* row by row */
};
void pp_spec_table_load(const char *page, const char *heading, struct pp_spec_table *out);
const char *pp_spec_cell(const struct pp_spec_table *table, size_t row, size_t column);
void pp_spec_table_done(struct pp_spec_table *table);

/* xoshiro256**: the same numbers for the same seed, everywhere. */
struct pp_rng {
    uint64_t state[4];
};
void pp_rng_init(struct pp_rng *rng, uint64_t seed);
uint64_t pp_rng_u64(struct pp_rng *rng);
uint64_t pp_rng_below(struct pp_rng *rng, uint64_t limit);
bool pp_rng_chance(struct pp_rng *rng, unsigned one_in);
void pp_rng_bytes(struct pp_rng *rng, uint8_t *out, size_t length);
/* As many bits as it likes, and often just beside a power of two: where mistakes are. */
uint64_t pp_rng_edge_u64(struct pp_rng *rng);
struct pp_grains pp_rng_edge_grains(struct pp_rng *rng);

#endif
