#include "sim_chain.h"

#include "pp_test.h"

#include <pp/hash.h>
#include <pp/tx.h>

#include "rlp.h"

#include <stdlib.h>
#include <string.h>

#define SURGE_BLOCKS_MOST 30u
#define SURGE_FACTOR 100u
#define REORG_DEPTH_MOST 6u
#define SKIP_BLOCKS 6u
#define SIDE_LIVES_BLOCKS 3u

static bool happens(struct sim_chain *chain, unsigned one_in)
{
    return one_in > 0 && !chain->calm && pp_rng_below(&chain->rng, one_in) == 0;
}

/* ---- branches ---- */

static void branch_push(struct sim_branch *branch, struct sim_block *block)
{
    branch->blocks = realloc(branch->blocks, (branch->count + 1) * sizeof(struct sim_block *));
    pp_expect(branch->blocks != NULL);
    branch->blocks[branch->count++] = block;
}

static struct sim_block *head_of(const struct sim_chain *chain)
{
    return chain->main.blocks[chain->main.count - 1];
}

/* A node may follow a branch that lost, but none that lost before the finalized block. */
static bool side_is_there(const struct sim_chain *chain)
{
    return chain->time_ms < chain->side_until_ms && chain->side.count > chain->final &&
           chain->side.blocks[chain->final] == chain->main.blocks[chain->final];
}

struct sim_view sim_chain_view(const struct sim_chain *chain, uint64_t lag, bool side)
{
    struct sim_view view = {&chain->main, chain->main.count - 1, chain->final};
    if (side && side_is_there(chain)) {
        view.branch = &chain->side;
        view.head = chain->side.count - 1;
    } else if (lag > 0) {
        view.head = view.head > lag ? view.head - lag : 0;
        const uint64_t final = view.head > chain->profile.finality ? view.head - chain->profile.finality : 0;
        view.final = final < view.final ? final : view.final;
    }
    return view;
}

const struct sim_block *sim_view_block(const struct sim_view *view, uint64_t number)
{
    return number <= view->head ? view->branch->blocks[number] : NULL;
}

const struct sim_block *sim_view_head(const struct sim_view *view)
{
    return view->branch->blocks[view->head];
}

const struct sim_tx *sim_chain_find(const struct sim_chain *chain, const struct pp_hash *hash)
{
    for (const struct sim_tx *tx = chain->txs; tx; tx = tx->next)
        if (pp_hash_eq(&tx->hash, hash))
            return tx;
    return NULL;
}

const struct sim_block *sim_view_mined(const struct sim_view *view, const struct sim_tx *tx,
                                       size_t *out_entry)
{
    for (size_t i = 0; i < tx->in_count; i++) {
        const struct sim_block *block = tx->in[i];
        if (sim_view_block(view, block->block.number) != block)
            continue;
        for (*out_entry = 0; block->entries[*out_entry].tx != tx; ++*out_entry)
            continue;
        return block;
    }
    return NULL;
}

/* ---- the pool ---- */

bool sim_chain_pools(const struct sim_chain *chain, const struct sim_tx *tx)
{
    for (size_t i = 0; i < chain->pool_count; i++)
        if (chain->pool[i] == tx)
            return true;
    return false;
}

static void pool_drop(struct sim_chain *chain, size_t at)
{
    memmove(&chain->pool[at], &chain->pool[at + 1], (chain->pool_count - at - 1) * sizeof(struct sim_tx *));
    chain->pool_count--;
}

static void pool_add(struct sim_chain *chain, struct sim_tx *tx)
{
    if (sim_chain_pools(chain, tx))
        return;
    pp_expect(chain->pool_count < SIM_POOL_MAX);
    chain->pool[chain->pool_count++] = tx;
}

uint64_t sim_chain_pending(const struct sim_chain *chain, const struct sim_view *view)
{
    uint64_t next = sim_view_head(view)->account_nonce;
    for (size_t i = 0; i < chain->pool_count; i++)
        if (chain->pool[i]->is_accounts && chain->pool[i]->nonce == next) {
            next++;
            i = (size_t)-1; /* the pool is in no order */
        }
    return next;
}

static struct sim_tx *tx_new(struct sim_chain *chain)
{
    struct sim_tx *tx = calloc(1, sizeof *tx);
    pp_expect(tx != NULL);
    pp_rng_bytes(&chain->rng, tx->hash.bytes, sizeof tx->hash.bytes);
    tx->next = chain->txs;
    chain->txs = tx;
    return tx;
}

void sim_chain_wish(struct sim_chain *chain, const struct sim_wish *wish)
{
    struct sim_tx *tx = tx_new(chain);
    tx->wish = *wish;
    tx->most = UINT64_MAX;
    pool_add(chain, tx);
}

/* The same key in somebody else's hands: takes the next number, or the number of what is on its way. */
static void foreign_come(struct sim_chain *chain)
{
    const struct sim_view view = sim_chain_view(chain, 0, false);
    struct sim_tx *tx = tx_new(chain);
    tx->is_accounts = tx->is_foreign = true;
    tx->most = 100000 * SIM_GWEI;
    tx->nonce =
        pp_rng_below(&chain->rng, 2) ? sim_view_head(&view)->account_nonce : sim_chain_pending(chain, &view);
    for (size_t i = chain->pool_count; i > 0; i--)
        if (chain->pool[i - 1]->is_accounts && chain->pool[i - 1]->nonce == tx->nonce)
            pool_drop(chain, i - 1);
    pool_add(chain, tx);
    chain->foreigners++;
}

/* The contract lets anybody call: what the job is about to do may be done before it. */
static void copy_come(struct sim_chain *chain)
{
    for (size_t i = 0; i < chain->pool_count && chain->pool_count < SIM_POOL_MAX; i++) {
        const struct sim_tx *from = chain->pool[i];
        if (!from->to_escrow || !from->is_accounts)
            continue;
        struct sim_tx *tx = tx_new(chain);
        tx->most = UINT64_MAX;
        tx->to_escrow = true;
        tx->length = from->length;
        tx->data = malloc(from->length + 1);
        pp_expect(tx->data != NULL);
        memcpy(tx->data, from->data, from->length);
        memmove(&chain->pool[1], &chain->pool[0], chain->pool_count * sizeof(struct sim_tx *));
        chain->pool[0] = tx;
        chain->pool_count++;
        chain->copies++;
        return;
    }
}

/* ---- blocks ---- */

static void execute(struct sim_chain *chain, struct sim_block *block, struct sim_tx *tx)
{
    struct sim_logs logs = {.count = 0};
    struct sim_result result;
    const struct sim_now now = {block->block.number, block->block.time_s};
    struct sim_entry *entry = &block->entries[block->entry_count++];
    *entry = (struct sim_entry){.tx = tx, .gas_used = 50000 + 16 * tx->length, .logs_at = block->log_count};
    entry->gas_price = block->base_fee + SIM_GWEI < tx->most ? block->base_fee + SIM_GWEI : tx->most;
    if (tx->to_escrow)
        entry->succeeded =
            sim_escrow_call(&chain->terms, &block->escrow, now, tx->data, tx->length, &logs, &result);
    else
        entry->succeeded = sim_escrow_do(&chain->terms, &block->escrow, now, &tx->wish, &logs);
    block->account_nonce += tx->is_accounts;
    entry->logs_count = logs.count;
    if (logs.count > 0) {
        block->logs = realloc(block->logs, (block->log_count + logs.count) * sizeof *block->logs);
        pp_expect(block->logs != NULL);
        memcpy(block->logs + block->log_count, logs.at, logs.count * sizeof *block->logs);
    }
    for (uint32_t i = block->log_count; i < block->log_count + logs.count; i++) {
        block->logs[i].index = i;
        block->logs[i].transaction = tx->hash;
    }
    block->log_count += logs.count;
}

/* One that may come next, or NULL. */
static struct sim_tx *pool_take(struct sim_chain *chain, const struct sim_block *block)
{
    for (size_t i = 0; i < chain->pool_count; i++) {
        struct sim_tx *tx = chain->pool[i];
        if (tx->most < block->base_fee || (tx->is_accounts && tx->nonce != block->account_nonce) ||
            happens(chain, 4))
            continue;
        pool_drop(chain, i);
        return tx;
    }
    return NULL;
}

static void pool_prune(struct sim_chain *chain)
{
    const uint64_t nonce = head_of(chain)->account_nonce;
    for (size_t i = chain->pool_count; i > 0; i--)
        if (chain->pool[i - 1]->is_accounts && chain->pool[i - 1]->nonce < nonce)
            pool_drop(chain, i - 1);
}

static uint64_t base_fee_next(struct sim_chain *chain)
{
    if (chain->calm)
        chain->surge_left = 0;
    if (chain->surge_left > 0) {
        chain->surge_left--;
        return SURGE_FACTOR * SIM_GWEI;
    }
    if (happens(chain, chain->profile.surge_one_in)) {
        chain->surge_left = 1 + pp_rng_below(&chain->rng, SURGE_BLOCKS_MOST);
        chain->surges++;
    }
    return SIM_GWEI;
}

static void block_seal(struct sim_chain *chain, struct sim_block *block)
{
    uint8_t bytes[32 + 8 + 8 + 8];
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_bytes(&w, block->block.parent.bytes, 32);
    pp_write_u64(&w, block->block.number);
    pp_write_u64(&w, block->block.time_s);
    pp_write_u64(&w, pp_rng_u64(&chain->rng)); /* no two blocks alike, of whatever branch */
    pp_keccak256(bytes, sizeof bytes, block->block.hash.bytes);
    for (uint32_t i = 0; i < block->log_count; i++) {
        block->logs[i].block_number = block->block.number;
        block->logs[i].block_hash = block->block.hash;
    }
    for (uint32_t i = 0; i < block->entry_count; i++) {
        struct sim_tx *tx = block->entries[i].tx;
        tx->in = realloc(tx->in, (tx->in_count + 1) * sizeof(struct sim_block *));
        pp_expect(tx->in != NULL);
        tx->in[tx->in_count++] = block;
    }
}

static void mine(struct sim_chain *chain, uint64_t time_s)
{
    struct sim_block *block = calloc(1, sizeof *block);
    struct sim_tx *tx;
    pp_expect(block != NULL);
    block->older = chain->made;
    chain->made = block;
    block->block.time_s = time_s;
    block->base_fee = base_fee_next(chain);
    if (chain->main.count > 0) {
        const struct sim_block *parent = head_of(chain);
        block->block.number = parent->block.number + 1;
        block->block.parent = parent->block.hash;
        block->escrow = parent->escrow;
        block->account_nonce = parent->account_nonce;
        if (block->block.time_s < parent->block.time_s)
            block->block.time_s = parent->block.time_s;
    }
    while (block->entry_count < SIM_BLOCK_TXS_MAX && (tx = pool_take(chain, block)) != NULL)
        execute(chain, block, tx);
    block_seal(chain, block);
    branch_push(&chain->main, block);
    pool_prune(chain);
}

static void finality_advance(struct sim_chain *chain)
{
    const uint64_t head = chain->main.count - 1, finality = chain->profile.finality;
    if (head > finality && head - finality > chain->final)
        chain->final = head - finality;
}

/* ---- reorganizations ---- */

static void side_keep(struct sim_chain *chain)
{
    chain->side.count = 0;
    for (uint64_t i = 0; i < chain->main.count; i++)
        branch_push(&chain->side, chain->main.blocks[i]);
    chain->side_until_ms = chain->time_ms + SIDE_LIVES_BLOCKS * chain->profile.block_ms;
}

static void undo(struct sim_chain *chain, const struct sim_block *block)
{
    for (uint32_t i = 0; i < block->entry_count; i++) {
        struct sim_tx *tx = block->entries[i].tx;
        if (!tx->is_accounts || !happens(chain, 3)) /* payers send again what they want */
            pool_add(chain, tx);
    }
}

/* Another branch of the same length takes over; a block more follows at once, or at the next turn. */
static void reorganize(struct sim_chain *chain)
{
    uint64_t most = chain->main.count - 1 - chain->final, times[REORG_DEPTH_MOST];
    most = most < REORG_DEPTH_MOST ? most : REORG_DEPTH_MOST;
    if (most == 0)
        return;
    const uint64_t depth = 1 + pp_rng_below(&chain->rng, most);
    side_keep(chain);
    for (uint64_t i = depth; i > 0; i--) {
        const struct sim_block *block = head_of(chain);
        times[i - 1] = block->block.time_s;
        undo(chain, block);
        chain->main.count--;
    }
    for (uint64_t i = 0; i < depth; i++)
        mine(chain, times[i]);
    if (pp_rng_below(&chain->rng, 2))
        mine(chain, chain->time_ms / 1000);
    chain->reorgs++;
    if (depth > chain->deepest)
        chain->deepest = (unsigned)depth;
}

/* ---- time ---- */

static void turn(struct sim_chain *chain)
{
    if (happens(chain, chain->profile.foreign_one_in))
        foreign_come(chain);
    if (happens(chain, chain->profile.copied_one_in))
        copy_come(chain);
    mine(chain, chain->time_ms / 1000);
    if (happens(chain, chain->profile.reorg_one_in))
        reorganize(chain);
    for (size_t i = chain->pool_count; i > 0 && happens(chain, chain->profile.forget_one_in); i--)
        if (chain->pool[i - 1]->is_accounts)
            pool_drop(chain, i - 1);
    finality_advance(chain);
}

void sim_chain_pass(struct sim_chain *chain, uint64_t ms)
{
    const uint64_t until = chain->time_ms + ms;
    while (chain->next_block_ms <= until) {
        chain->time_ms = chain->next_block_ms;
        turn(chain);
        chain->next_block_ms +=
            chain->profile.block_ms / 2 + pp_rng_below(&chain->rng, chain->profile.block_ms) + 1;
    }
    chain->time_ms = until;
}

void sim_chain_skip(struct sim_chain *chain, uint64_t seconds)
{
    for (uint64_t i = 0; i < SKIP_BLOCKS; i++) {
        chain->time_ms += seconds * 1000 / SKIP_BLOCKS;
        turn(chain);
    }
    chain->next_block_ms = chain->time_ms + chain->profile.block_ms;
    sim_chain_pass(chain, 2 * (chain->profile.finality + 1) * chain->profile.block_ms);
}

/* ---- raw transactions ---- */

struct piece {
    const uint8_t *bytes;
    size_t length;
};
struct item {
    struct piece bytes;
    bool is_list;
};

static uint64_t number_of(struct piece bytes)
{
    uint64_t number = 0;
    pp_expect(bytes.length <= 8);
    for (size_t i = 0; i < bytes.length; i++)
        number = number << 8 | bytes.bytes[i];
    return number;
}

/* The next item of RLP, which moves on. */
static struct item item_next(struct piece *in)
{
    pp_expect(in->length > 0);
    const uint8_t first = in->bytes[0];
    const bool is_list = first >= 0xc0;
    const uint8_t kind = is_list ? first - 0xc0 : first - 0x80;
    size_t head = 1, length = kind;
    if (first < 0x80) {
        head = 0;
        length = 1;
    } else if (kind > 55) {
        head += kind - 55u;
        length = (size_t)number_of((struct piece){in->bytes + 1, kind - 55u});
    }
    pp_expect(head + length <= in->length);
    const struct item item = {{in->bytes + head, length}, is_list};
    in->bytes += head + length;
    in->length -= head + length;
    return item;
}

static void digest_of(const uint8_t *fields, size_t length, struct pp_hash *out)
{
    struct pp_writer w;
    uint8_t *bytes = malloc(length + 16);
    pp_expect(bytes != NULL);
    pp_writer_init(&w, bytes, length + 16);
    pp_write_u8(&w, 2);
    rlp_list(&w, length);
    pp_write_bytes(&w, fields, length);
    pp_keccak256(bytes, w.length, out->bytes);
    free(bytes);
}

static void word_of(struct piece bytes, uint8_t out[32])
{
    pp_expect(bytes.length <= 32);
    memset(out, 0, 32);
    memcpy(out + 32 - bytes.length, bytes.bytes, bytes.length);
}

/* Type 2, of this chain and account, or the test fails: the job sends nothing else. */
static struct sim_tx *tx_read(struct sim_chain *chain, const uint8_t *raw, size_t length,
                              const struct pp_hash *hash)
{
    struct piece all = {raw + 1, length - 1};
    struct pp_signature signature;
    struct pp_hash digest;
    struct item fields[12];
    pp_expect(raw[0] == 2);
    struct piece in = item_next(&all).bytes;
    const uint8_t *begin = in.bytes;
    for (size_t i = 0; i < 9; i++)
        fields[i] = item_next(&in);
    digest_of(begin, (size_t)(in.bytes - begin), &digest);
    for (size_t i = 9; i < 12; i++)
        fields[i] = item_next(&in);
    pp_expect(in.length == 0 && all.length == 0);
    word_of(fields[10].bytes, signature.bytes);
    word_of(fields[11].bytes, signature.bytes + 32);
    signature.bytes[64] = (uint8_t)(27 + number_of(fields[9].bytes));
    pp_expect(pp_verify_address(chain->terms.crypto, &signature, &digest, &chain->account, NULL) == PP_OK);
    pp_expect(number_of(fields[0].bytes) == chain->terms.domain.chain_id);
    pp_expect(fields[5].bytes.length == 20 && number_of(fields[6].bytes) == 0);
    struct sim_tx *tx = tx_new(chain);
    tx->hash = *hash;
    tx->is_accounts = true;
    tx->nonce = number_of(fields[1].bytes);
    tx->priority = number_of(fields[2].bytes);
    tx->most = number_of(fields[3].bytes);
    tx->to_escrow = memcmp(fields[5].bytes.bytes, chain->terms.domain.contract.bytes, 20) == 0;
    tx->length = fields[7].bytes.length;
    tx->data = malloc(tx->length + 1);
    pp_expect(tx->data != NULL);
    memcpy(tx->data, fields[7].bytes.bytes, tx->length);
    return tx;
}

static struct sim_tx *tx_known(const struct sim_chain *chain, const struct pp_hash *hash)
{
    for (struct sim_tx *tx = chain->txs; tx; tx = tx->next)
        if (pp_hash_eq(&tx->hash, hash))
            return tx;
    return NULL;
}

const char *sim_chain_send(struct sim_chain *chain, const uint8_t *raw, size_t length,
                           struct pp_hash *out_hash)
{
    pp_keccak256(raw, length, out_hash->bytes);
    struct sim_tx *tx = tx_known(chain, out_hash);
    if (tx && sim_chain_pools(chain, tx))
        return "already known";
    if (!tx)
        tx = tx_read(chain, raw, length, out_hash);
    if (tx->nonce < head_of(chain)->account_nonce)
        return "nonce too low";
    if (chain->profile.pool_is_strict && tx->most < head_of(chain)->base_fee)
        return "max fee per gas less than block base fee";
    for (size_t i = 0; i < chain->pool_count; i++) {
        const struct sim_tx *other = chain->pool[i];
        if (!other->is_accounts || other->nonce != tx->nonce)
            continue;
        if (tx->most < other->most + other->most / 10 ||
            tx->priority < other->priority + other->priority / 10)
            return "replacement transaction underpriced";
        pool_drop(chain, i--);
    }
    pool_add(chain, tx);
    return NULL;
}

/* ---- beginning and end ---- */

void sim_chain_init(struct sim_chain *chain, const struct sim_terms *terms, const struct pp_address *account,
                    const struct sim_profile *profile, uint64_t seed, uint64_t time_ms)
{
    *chain = (struct sim_chain){.terms = *terms,
                                .account = *account,
                                .profile = *profile,
                                .time_ms = time_ms,
                                .next_block_ms = time_ms + profile->block_ms};
    pp_rng_init(&chain->rng, seed);
    mine(chain, time_ms / 1000);
}

void sim_chain_done(struct sim_chain *chain)
{
    while (chain->made) {
        struct sim_block *block = chain->made;
        chain->made = block->older;
        free(block->logs);
        free(block);
    }
    while (chain->txs) {
        struct sim_tx *tx = chain->txs;
        chain->txs = tx->next;
        free(tx->data);
        free(tx->in);
        free(tx);
    }
    free(chain->main.blocks);
    free(chain->side.blocks);
    *chain = (struct sim_chain){.calm = true};
}
