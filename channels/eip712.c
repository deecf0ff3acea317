#include <pp/assert.h>
#include <pp/eip712.h>
#include <pp/hash.h>
#include <pp/wire.h>

#define WORD_BYTES 32

static const char domain_type[] =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
static const char domain_name[] = "Pennypost";
static const char domain_version[] = "1";

/* The Solidity type of each kind of field. */
#define SOLIDITY_CHANNEL "bytes32"
#define SOLIDITY_STAMP "bytes32"
#define SOLIDITY_HASH "bytes32"
#define SOLIDITY_ADDRESS "address"
#define SOLIDITY_U32 "uint32"
#define SOLIDITY_U64 "uint64"
#define SOLIDITY_GRAINS "uint96"
#define SOLIDITY_UNITS "uint96"
#define SOLIDITY_U128 "uint128"

#define FIRST_TEXT(kind, name, solidity) SOLIDITY_##kind " " #solidity
#define FIELD_TEXT(kind, name, solidity) "," SOLIDITY_##kind " " #solidity

static const struct type_row {
    const char *name;
    const char *text;
} types[PP_EIP712_TYPE_COUNT] = {
#define ROW(upper, lower, solidity, fields)                                                                  \
    [PP_EIP712_##upper] = {#solidity, #solidity "(" fields(FIRST_TEXT, FIELD_TEXT) ")"},
    PP_EIP712_TYPES(ROW)
#undef ROW
};

const char *pp_eip712_type_string(enum pp_eip712_type type)
{
    PP_ASSERT((unsigned)type < PP_EIP712_TYPE_COUNT);
    return types[type].text;
}

const char *pp_eip712_type_name(enum pp_eip712_type type)
{
    PP_ASSERT((unsigned)type < PP_EIP712_TYPE_COUNT);
    return types[type].name;
}

/* One word of 32 bytes per field: bytes as they are, everything else a number to the right. */

static void number_write(struct pp_writer *w, pp_u128 number)
{
    pp_write_u64(w, 0);
    pp_write_u64(w, 0);
    pp_write_u64(w, (uint64_t)(number >> 64));
    pp_write_u64(w, (uint64_t)number);
}

static void address_write(struct pp_writer *w, const struct pp_address *address)
{
    pp_write_u64(w, 0);
    pp_write_u32(w, 0);
    pp_write_bytes(w, address->bytes, sizeof address->bytes);
}

#define WRITE_CHANNEL(w, value) pp_write_bytes(w, (value).bytes, WORD_BYTES)
#define WRITE_STAMP(w, value) pp_write_bytes(w, (value).bytes, WORD_BYTES)
#define WRITE_HASH(w, value) pp_write_bytes(w, (value).bytes, WORD_BYTES)
#define WRITE_ADDRESS(w, value) address_write(w, &(value))
#define WRITE_U32(w, value) number_write(w, value)
#define WRITE_U64(w, value) number_write(w, value)
#define WRITE_GRAINS(w, value) number_write(w, (value).raw)
#define WRITE_UNITS(w, value) number_write(w, (value).raw)
#define WRITE_U128(w, value) number_write(w, value)

static void written_hash(struct pp_writer *w, struct pp_hash *out)
{
    size_t length = 0;
    enum pp_error error = pp_writer_finish(w, &length);
    PP_ASSERT(error == PP_OK && length == w->capacity);
    pp_keccak256(w->bytes, length, out->bytes);
}

static void text_hash(const char *text, struct pp_hash *out)
{
    pp_keccak256((const uint8_t *)text, strlen(text), out->bytes);
}

/* EIP-712: domain separator = hashStruct(domain). */
void pp_domain_init(struct pp_domain *domain, uint64_t chain_id, const struct pp_address *contract)
{
    uint8_t bytes[5 * WORD_BYTES];
    struct pp_writer w;
    struct pp_hash hash;
    domain->chain_id = chain_id;
    domain->contract = *contract;
    pp_writer_init(&w, bytes, sizeof bytes);
    text_hash(domain_type, &hash);
    WRITE_HASH(&w, hash);
    text_hash(domain_name, &hash);
    WRITE_HASH(&w, hash);
    text_hash(domain_version, &hash);
    WRITE_HASH(&w, hash);
    number_write(&w, chain_id);
    address_write(&w, contract);
    written_hash(&w, &domain->separator);
    for (unsigned type = 0; type < PP_EIP712_TYPE_COUNT; type++)
        text_hash(types[type].text, &domain->type_hashes[type]);
}

/* keccak256(0x1901 | separator | hashStruct(message)). */
static void typed_digest(const struct pp_domain *domain, const struct pp_hash *struct_hash,
                         struct pp_hash *out)
{
    uint8_t bytes[2 + 2 * WORD_BYTES];
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u16(&w, 0x1901);
    WRITE_HASH(&w, domain->separator);
    WRITE_HASH(&w, *struct_hash);
    written_hash(&w, out);
}

#define COUNT(kind, name, solidity) +1
#define WRITE(kind, name, solidity) WRITE_##kind(&w, values->name);

/* Per type: hashStruct(message) = keccak256(type hash | one word a field), and the digest. */
#define ENCODER(upper, lower, solidity, fields)                                                              \
    static void lower##_struct_hash(const struct pp_domain *domain,                                          \
                                    const struct pp_##lower##_fields *values, struct pp_hash *out)           \
    {                                                                                                        \
        uint8_t bytes[WORD_BYTES * (1 fields(COUNT, COUNT))];                                                \
        struct pp_writer w;                                                                                  \
        pp_writer_init(&w, bytes, sizeof bytes);                                                             \
        WRITE_HASH(&w, domain->type_hashes[PP_EIP712_##upper]);                                              \
        fields(WRITE, WRITE) written_hash(&w, out);                                                          \
    }                                                                                                        \
    void pp_##lower##_digest(const struct pp_domain *domain, const struct pp_##lower##_fields *values,       \
                             struct pp_hash *out)                                                            \
    {                                                                                                        \
        struct pp_hash hash;                                                                                 \
        lower##_struct_hash(domain, values, &hash);                                                          \
        typed_digest(domain, &hash, out);                                                                    \
    }
PP_EIP712_TYPES(ENCODER)

void pp_channel_id_of(const struct pp_domain *domain, const struct pp_channel_fields *values,
                      struct pp_channel_id *out)
{
    struct pp_hash digest;
    pp_channel_digest(domain, values, &digest);
    memcpy(out->bytes, digest.bytes, sizeof out->bytes);
}
