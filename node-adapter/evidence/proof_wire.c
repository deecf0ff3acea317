#include <pp/evidence.h>
#include <pp/wire.h>

#include <string.h>

static const uint8_t magic[4] = {'P', 'P', 'P', '1'};

const char *pp_proof_kind_name(unsigned kind)
{
    switch (kind) {
#define PP_X(name, number, what)                                                                             \
    case number:                                                                                             \
        return #name;
        PP_PROOF_KINDS(PP_X)
#undef PP_X
    default:
        return "UNKNOWN";
    }
}

const char *pp_proof_kind_what(unsigned kind)
{
    switch (kind) {
#define PP_X(name, number, what)                                                                             \
    case number:                                                                                             \
        return what;
        PP_PROOF_KINDS(PP_X)
#undef PP_X
    default:
        return "nothing that is known";
    }
}

const char *pp_statement_type_name(unsigned type)
{
    static const char *const names[] = {"unknown", "segment", "head", "receipt", "report", "voucher"};
    return type < sizeof names / sizeof names[0] ? names[type] : names[0];
}

enum pp_error pp_proof_encode(const struct pp_proof *proof, uint8_t *out, size_t capacity, size_t *out_length)
{
    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    pp_write_bytes(&w, magic, sizeof magic);
    pp_write_u8(&w, proof->kind);
    pp_write_u64(&w, proof->chain_id);
    pp_write_bytes(&w, proof->contract.bytes, sizeof proof->contract.bytes);
    pp_write_bytes(&w, proof->operator_address.bytes, sizeof proof->operator_address.bytes);
    pp_write_u32(&w, proof->node_id);
    pp_write_u64(&w, proof->sequence_a);
    pp_write_u64(&w, proof->sequence_b);
    pp_write_u8(&w, proof->count);
    for (uint8_t i = 0; i < proof->count; i++) {
        pp_write_u8(&w, proof->statements[i].type);
        pp_write_u32(&w, (uint32_t)proof->statements[i].bytes.length);
        pp_write_bytes(&w, proof->statements[i].bytes.bytes, proof->statements[i].bytes.length);
    }
    return pp_writer_finish(&w, out_length);
}

static void head_read(struct pp_reader *r, struct pp_proof *out)
{
    uint8_t begin[sizeof magic];
    pp_read_bytes(r, begin, sizeof begin);
    if (r->error == PP_OK && memcmp(begin, magic, sizeof magic) != 0)
        pp_reader_fail(r, PP_BAD_FORMAT);
    out->kind = pp_read_u8(r);
    if (r->error == PP_OK && (out->kind < PP_PROOF_FORK || out->kind > PP_PROOF_BOND_FORGED))
        pp_reader_fail(r, PP_BAD_KIND);
    out->chain_id = pp_read_u64(r);
    pp_read_bytes(r, out->contract.bytes, sizeof out->contract.bytes);
    pp_read_bytes(r, out->operator_address.bytes, sizeof out->operator_address.bytes);
    out->node_id = pp_read_u32(r);
    if (r->error == PP_OK && (out->node_id == 0 || out->node_id >= 1u << 24))
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    out->sequence_a = pp_read_u64(r);
    out->sequence_b = pp_read_u64(r);
    out->count = pp_read_u8(r);
    if (r->error == PP_OK && (out->count < 2 || out->count > PP_PROOF_STATEMENTS_MAX))
        pp_reader_fail(r, PP_TOO_MANY);
}

enum pp_error pp_proof_decode(struct pp_slice bytes, struct pp_proof *out)
{
    struct pp_reader r;
    struct pp_proof proof = {0};
    if (bytes.length > PP_PROOF_MAX_BYTES)
        return PP_TOO_LONG;
    pp_reader_init(&r, bytes.bytes, bytes.length);
    head_read(&r, &proof);
    for (uint8_t i = 0; r.error == PP_OK && i < proof.count; i++) {
        struct pp_statement *statement = &proof.statements[i];
        statement->type = pp_read_u8(&r);
        if (r.error == PP_OK &&
            (statement->type < PP_STATEMENT_SEGMENT || statement->type > PP_STATEMENT_VOUCHER))
            pp_reader_fail(&r, PP_BAD_TYPE);
        statement->bytes.length = pp_read_u32(&r);
        statement->bytes.bytes = pp_read_slice(&r, statement->bytes.length);
    }
    PP_TRY(pp_reader_finish(&r));
    *out = proof;
    return PP_OK;
}
