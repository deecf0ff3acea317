#define _GNU_SOURCE /* nftw */
#include "pp_fixture.h"

#include "pp_test.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void pp_temp_dir_make(struct pp_temp_dir *dir)
{
    const char *parent = getenv("TMPDIR");
    snprintf(dir->path, sizeof dir->path, "%s/pennypost-test-XXXXXX", parent && *parent ? parent : "/tmp");
    ck_assert_msg(mkdtemp(dir->path) != NULL, "no temporary folder %s", dir->path);
}

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

void pp_temp_dir_remove(struct pp_temp_dir *dir)
{
    ck_assert_int_eq(nftw(dir->path, entry_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
    dir->path[0] = '\0';
}

char *pp_file_load(const char *path, size_t *out_length)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    long length = ftell(file);
    ck_assert_int_ge(length, 0);
    rewind(file);
    char *bytes = malloc((size_t)length + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, (size_t)length, file), (size_t)length);
    bytes[length] = '\0';
    fclose(file);
    if (out_length)
        *out_length = (size_t)length;
    return bytes;
}

char *pp_source_load(const char *path, size_t *out_length)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", PP_SOURCE_DIR, path);
    return pp_file_load(whole, out_length);
}

void pp_bytes_of(const char *hex, uint8_t *out, size_t length)
{
    ck_assert_msg(pp_hex_parse(hex, strlen(hex), out, length) == PP_OK, "not %zu bytes of hex: %s", length,
                  hex);
}

struct pp_hash pp_hash_of(const char *hex)
{
    struct pp_hash hash;
    pp_bytes_of(hex, hash.bytes, sizeof hash.bytes);
    return hash;
}

struct pp_address pp_address_of(const char *hex)
{
    struct pp_address address;
    pp_bytes_of(hex, address.bytes, sizeof address.bytes);
    return address;
}

struct pp_signature pp_signature_of(const char *hex)
{
    struct pp_signature signature;
    pp_bytes_of(hex, signature.bytes, sizeof signature.bytes);
    return signature;
}

json_t *pp_vectors_load(const char *name)
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/specs/vectors/%s", PP_SOURCE_DIR, name);
    json_t *vectors = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(vectors != NULL, "%s:%d: %s", path, error.line, error.text);
    return vectors;
}

json_t *pp_json_member(const json_t *object, const char *key)
{
    json_t *member = json_object_get(object, key);
    ck_assert_msg(member != NULL, "the vector has no member \"%s\"", key);
    return member;
}

const char *pp_json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(pp_json_member(object, key));
    ck_assert_msg(text != NULL, "\"%s\" is not a string", key);
    return text;
}

bool pp_json_bool(const json_t *object, const char *key)
{
    const json_t *member = pp_json_member(object, key);
    ck_assert_msg(json_is_boolean(member), "\"%s\" is not true or false", key);
    return json_is_true(member);
}

pp_u128 pp_json_u128(const json_t *object, const char *key)
{
    const json_t *member = pp_json_member(object, key);
    if (json_is_integer(member)) {
        ck_assert_msg(json_integer_value(member) >= 0, "\"%s\" is negative", key);
        return (pp_u128)json_integer_value(member);
    }
    pp_u128 value = 0;
    for (const char *digit = pp_json_text(object, key); *digit; digit++) {
        ck_assert_msg(*digit >= '0' && *digit <= '9', "\"%s\" is not a number", key);
        pp_u128 next = value * 10 + (unsigned)(*digit - '0');
        ck_assert_msg(next / 10 == value, "\"%s\" does not fit 128 bits", key);
        value = next;
    }
    return value;
}

uint64_t pp_json_u64(const json_t *object, const char *key)
{
    pp_u128 value = pp_json_u128(object, key);
    ck_assert_msg(value <= UINT64_MAX, "\"%s\" does not fit 64 bits", key);
    return (uint64_t)value;
}

struct pp_grains pp_json_grains(const json_t *object, const char *key)
{
    struct pp_grains grains;
    ck_assert_ok(pp_grains_from_u128(pp_json_u128(object, key), &grains));
    return grains;
}

void pp_json_bytes(const json_t *object, const char *key, uint8_t *out, size_t length)
{
    pp_bytes_of(pp_json_text(object, key), out, length);
}

uint8_t *pp_json_bytes_any(const json_t *object, const char *key, size_t *out_length)
{
    const char *text = pp_json_text(object, key);
    size_t digits = strlen(text);
    if (digits >= 2 && text[0] == '0' && text[1] == 'x')
        digits -= 2;
    uint8_t *bytes = malloc(digits / 2 + 1);
    ck_assert_ptr_nonnull(bytes);
    pp_bytes_of(text, bytes, digits / 2);
    *out_length = digits / 2;
    return bytes;
}

static uint64_t rotate(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

void pp_rng_init(struct pp_rng *rng, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) { /* splitmix64 */
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        rng->state[i] = z ^ z >> 31;
    }
}

uint64_t pp_rng_u64(struct pp_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t pp_rng_below(struct pp_rng *rng, uint64_t limit)
{
    return (uint64_t)((pp_u128)pp_rng_u64(rng) * limit >> 64);
}

bool pp_rng_chance(struct pp_rng *rng, unsigned one_in)
{
    return pp_rng_below(rng, one_in) == 0;
}

void pp_rng_bytes(struct pp_rng *rng, uint8_t *out, size_t length)
{
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)pp_rng_u64(rng);
}

uint64_t pp_rng_edge_u64(struct pp_rng *rng)
{
    unsigned bits = (unsigned)pp_rng_below(rng, 65);
    uint64_t top = bits == 64 ? 0 : UINT64_C(1) << bits;
    if (pp_rng_chance(rng, 2))
        return top + pp_rng_below(rng, 5) - 2;
    return pp_rng_u64(rng) & (top - 1);
}

struct pp_grains pp_rng_edge_grains(struct pp_rng *rng)
{
    unsigned bits = (unsigned)pp_rng_below(rng, 97);
    pp_u128 top = (pp_u128)1 << bits;
    pp_u128 value = (pp_u128)pp_rng_u64(rng) << 64 | pp_rng_u64(rng);
    value = pp_rng_chance(rng, 2) ? top + pp_rng_below(rng, 5) - 2 : value & (top - 1);
    return (struct pp_grains){value & PP_GRAINS_MAX.raw};
}
