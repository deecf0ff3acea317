#include "engine/signers.h"

#include "engine/memory.h"

#define SETS (PP_SIGNERS_MAX / PP_SIGNER_WAYS)

enum pp_error pp_signers_open(struct pp_signers *signers)
{
    *signers = (struct pp_signers){0};
    PP_TRY(pp_memory_map(PP_SIGNERS_MAX * sizeof *signers->places, (void **)&signers->places));
    return pp_memory_map(SETS, (void **)&signers->next);
}

void pp_signers_close(struct pp_signers *signers)
{
    pp_memory_unmap(signers->places, PP_SIGNERS_MAX * sizeof *signers->places);
    pp_memory_unmap(signers->next, SETS);
    *signers = (struct pp_signers){0};
}

/* Slots are dense: neighbours go into neighbouring sets. */
static uint32_t set_of(uint32_t slot)
{
    return slot % SETS;
}

static struct pp_signer_place *place_find(const struct pp_signers *signers, uint32_t slot)
{
    struct pp_signer_place *set = &signers->places[set_of(slot) * PP_SIGNER_WAYS];
    for (unsigned i = 0; i < PP_SIGNER_WAYS; i++)
        if (set[i].slot == slot + 1)
            return &set[i];
    return NULL;
}

bool pp_signers_find(const struct pp_signers *signers, uint32_t slot, struct pp_public_key *out)
{
    const struct pp_signer_place *place = place_find(signers, slot);
    if (!place)
        return false;
    *out = place->key;
    return true;
}

void pp_signers_add(struct pp_signers *signers, uint32_t slot, const struct pp_public_key *key)
{
    uint32_t set = set_of(slot);
    struct pp_signer_place *place = place_find(signers, slot);
    if (!place) {
        place = &signers->places[set * PP_SIGNER_WAYS + signers->next[set]];
        signers->next[set] = (uint8_t)((signers->next[set] + 1) % PP_SIGNER_WAYS);
    }
    *place = (struct pp_signer_place){slot + 1, *key};
}

void pp_signers_drop_from(struct pp_signers *signers, uint32_t first, uint32_t end)
{
    for (uint32_t slot = first; slot < end; slot++) {
        struct pp_signer_place *place = place_find(signers, slot);
        if (place)
            place->slot = 0;
    }
}
