#include "chain/chain_recent.h"

#include "chain/chain_transport.h"

#include <pp/limits.h>

#include <inttypes.h>
#include <stdlib.h>

void chain_recent_done(struct chain_recent *recent)
{
    free(recent->blocks);
    *recent = (struct chain_recent){0};
}

struct chain_recent_block *chain_recent_find(const struct chain_recent *recent, uint64_t number)
{
    if (recent->count == 0 || number < recent->blocks[0].block.number)
        return NULL;
    uint64_t at = number - recent->blocks[0].block.number;
    return at < recent->count ? &recent->blocks[at] : NULL;
}

static void keep_below(struct chain_recent *recent, uint64_t number)
{
    while (recent->count > 0 && recent->blocks[recent->count - 1].block.number >= number)
        recent->count--;
}

void chain_recent_forget(struct chain_recent *recent, uint64_t number)
{
    size_t old = 0;
    while (old < recent->count && recent->blocks[old].block.number <= number)
        old++;
    recent->count -= old;
    memmove(recent->blocks, recent->blocks + old, recent->count * sizeof *recent->blocks);
}

bool chain_recent_has_entries(const struct pp_rpc_block *block)
{
    bool zeros = true, ones = true;
    for (size_t i = 0; i < sizeof block->bloom.bytes; i++) {
        zeros = zeros && block->bloom.bytes[i] == 0x00;
        ones = ones && block->bloom.bytes[i] == 0xff;
    }
    return block->has_bloom && !zeros && !ones;
}

bool chain_recent_announces(const struct pp_rpc_filter *filter, const struct pp_rpc_block *block)
{
    if (!chain_recent_has_entries(block) ||
        !pp_rpc_bloom_may_have(&block->bloom, filter->contract.bytes, sizeof filter->contract.bytes))
        return false;
    for (size_t i = 0; i < filter->topic_count; i++)
        if (pp_rpc_bloom_may_have(&block->bloom, filter->topics[i].bytes, 32))
            return true;
    return filter->topic_count == 0;
}

static enum pp_error moved(struct pp_rpc *rpc, uint64_t number)
{
    return rpc_fail(rpc, PP_CHAIN_REORG, "block %" PRIu64 " changed while it was read", number);
}

static enum pp_error parent_ask(struct pp_rpc *rpc, struct pp_rpc_block *step)
{
    struct pp_rpc_block parent;
    enum pp_error error = pp_rpc_block_of(rpc, &step->block.parent, &parent);
    if (error == PP_NOT_FOUND)
        return moved(rpc, step->block.number - 1);
    PP_TRY(error);
    if (parent.block.number + 1 != step->block.number || parent.block.time_s > step->block.time_s)
        return rpc_fail(rpc, PP_CHAIN_NONSENSE, "block %" PRIu64 " is the parent of block %" PRIu64,
                        parent.block.number, step->block.number);
    *step = parent;
    return PP_OK;
}

struct walk {
    struct chain_recent_block *steps; /* downwards */
    size_t count;
    uint64_t lowest;
    bool joined; /* the block below the lowest is held, and its parent */
};

static enum pp_error walk_down(const struct chain_recent *recent, struct pp_rpc *rpc,
                               const struct pp_rpc_filter *filter, struct pp_rpc_block step,
                               const struct pp_chain_block *finalized, struct walk *walk)
{
    walk->lowest = step.block.number + 1;
    for (;;) {
        const struct chain_recent_block *held = chain_recent_find(recent, step.block.number);
        walk->joined = held && pp_hash_eq(&held->block.hash, &step.block.hash);
        if (walk->joined || walk->count == PP_CHAIN_RECENT_BLOCKS)
            return PP_OK;
        if (step.block.number <= finalized->number) {
            if (step.block.number == finalized->number && !pp_hash_eq(&step.block.hash, &finalized->hash))
                return moved(rpc, finalized->number);
            return PP_OK;
        }
        walk->steps[walk->count++] =
            (struct chain_recent_block){step.block, !chain_recent_announces(filter, &step)};
        walk->lowest = step.block.number;
        if (step.block.number == finalized->number + 1)
            return pp_hash_eq(&step.block.parent, &finalized->hash) ? PP_OK : moved(rpc, finalized->number);
        PP_TRY(parent_ask(rpc, &step));
    }
}

/* What is held below the walk stays only where the walk, or the finalized block, says that it is of the same chain. */
static void walk_append(struct chain_recent *recent, const struct walk *walk,
                        const struct pp_chain_block *finalized)
{
    const struct chain_recent_block *anchor = chain_recent_find(recent, finalized->number);
    keep_below(recent, walk->lowest);
    bool follows = anchor && pp_hash_eq(&anchor->block.hash, &finalized->hash);
    if (!walk->joined && !(follows && walk->lowest == finalized->number + 1))
        recent->count = 0;
    size_t room = PP_CHAIN_RECENT_BLOCKS - walk->count;
    if (recent->count > room)
        chain_recent_forget(recent, recent->blocks[recent->count - room - 1].block.number);
    for (size_t i = walk->count; i-- > 0;)
        recent->blocks[recent->count++] = walk->steps[i];
}

enum pp_error chain_recent_follow(struct chain_recent *recent, struct pp_rpc *rpc,
                                  const struct pp_rpc_filter *filter, const struct pp_rpc_block *latest,
                                  const struct pp_chain_block *finalized)
{
    struct walk walk = {.steps = calloc(PP_CHAIN_RECENT_BLOCKS, sizeof *walk.steps)};
    if (!recent->blocks)
        recent->blocks = calloc(PP_CHAIN_RECENT_BLOCKS, sizeof *recent->blocks);
    enum pp_error error = walk.steps && recent->blocks
                              ? walk_down(recent, rpc, filter, *latest, finalized, &walk)
                              : PP_NO_MEMORY;
    if (error == PP_OK)
        walk_append(recent, &walk, finalized);
    free(walk.steps);
    const struct chain_recent_block *anchor = chain_recent_find(recent, finalized->number);
    if (error == PP_OK && anchor && !pp_hash_eq(&anchor->block.hash, &finalized->hash))
        error = moved(rpc, finalized->number);
    return error;
}
