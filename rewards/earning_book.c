#include "earning_book.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64u
#define CHANGES_PER_EVENT 2u /* REW-034 */

/* Three quarters: probing stays short. */
static size_t places_of(size_t capacity)
{
    return capacity / 4 * 3;
}

static uint64_t mix(uint64_t key)
{
    key ^= key >> 30;
    key *= UINT64_C(0xbf58476d1ce4e5b9);
    key ^= key >> 27;
    key *= UINT64_C(0x94d049bb133111eb);
    return key ^ key >> 31;
}

/* The entry with this key, or the empty place where it belongs. */
static size_t place_find(const struct pp_earning_entry *entries, size_t capacity, uint32_t slot, uint32_t day)
{
    PP_ASSERT(day != 0);
    size_t at = mix((uint64_t)slot << 32 | day) & (capacity - 1);
    while (entries[at].day != 0 && (entries[at].slot != slot || entries[at].day != day))
        at = (at + 1) & (capacity - 1);
    return at;
}

static enum pp_error capacity_for(size_t places, size_t *out)
{
    size_t capacity = CAPACITY_MIN;
    while (places_of(capacity) < places) {
        if (capacity > SIZE_MAX / 2 / sizeof(struct pp_earning_entry))
            return PP_NO_MEMORY;
        capacity *= 2;
    }
    *out = capacity;
    return PP_OK;
}

enum pp_error pp_earning_open(struct pp_earning_book *book, size_t entries)
{
    size_t capacity;
    PP_TRY(capacity_for(entries, &capacity));
    struct pp_earning_entry *table = calloc(capacity, sizeof *table);
    if (!table)
        return PP_NO_MEMORY;
    *book = (struct pp_earning_book){.entries = table, .capacity = capacity};
    return PP_OK;
}

void pp_earning_close(struct pp_earning_book *book)
{
    free(book->entries);
    free(book->changes);
    memset(book, 0, sizeof *book);
}

static bool is_of_use(const struct pp_earning_book *book, const struct pp_earning_entry *entry)
{
    return entry->day > book->floor_day && !pp_grains_is_zero(entry->fall);
}

static enum pp_error rebuild(struct pp_earning_book *book, size_t more)
{
    size_t kept = 0, capacity;
    for (size_t i = 0; i < book->capacity; i++)
        kept += is_of_use(book, &book->entries[i]);
    if (more > SIZE_MAX / 4)
        return PP_NO_MEMORY;
    /* As many free places as kept ones, so that rebuilding is rare. */
    PP_TRY(capacity_for(2 * kept + more, &capacity));
    struct pp_earning_entry *table = calloc(capacity, sizeof *table);
    if (!table)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < book->capacity; i++) {
        const struct pp_earning_entry *entry = &book->entries[i];
        if (is_of_use(book, entry))
            table[place_find(table, capacity, entry->slot, entry->day)] = *entry;
    }
    free(book->entries);
    book->entries = table;
    book->capacity = capacity;
    book->count = kept;
    return PP_OK;
}

enum pp_error pp_earning_reserve(struct pp_earning_book *book, size_t events)
{
    if (events > SIZE_MAX / 8 / CHANGES_PER_EVENT / sizeof *book->changes)
        return PP_NO_MEMORY;
    size_t changes = events * CHANGES_PER_EVENT;
    if (book->change_capacity - book->change_count < changes) {
        size_t capacity = book->change_count + changes;
        struct pp_earning_entry *grown = realloc(book->changes, capacity * sizeof *grown);
        if (!grown)
            return PP_NO_MEMORY;
        book->changes = grown;
        book->change_capacity = capacity;
    }
    if (!pp_earning_book_has_places(book, changes))
        PP_TRY(rebuild(book, changes));
    return PP_OK;
}

void pp_earning_begin(struct pp_earning_book *book)
{
    book->change_count = 0;
    book->floor_day = book->swept_day;
}

/* REW-037 */
void pp_earning_undo(struct pp_earning_book *book)
{
    book->swept_day = book->floor_day;
    while (book->change_count > 0) {
        const struct pp_earning_entry *before = &book->changes[--book->change_count];
        size_t at = place_find(book->entries, book->capacity, before->slot, before->day);
        PP_ASSERT(book->entries[at].day != 0);
        book->entries[at].fall = before->fall;
    }
}

void pp_earning_sweep(struct pp_earning_book *book, uint32_t day)
{
    if (day > book->swept_day)
        book->swept_day = day;
}

struct pp_grains pp_earning_book_get(const struct pp_earning_book *book, uint32_t slot, uint32_t day)
{
    return book->entries[place_find(book->entries, book->capacity, slot, day)].fall;
}

bool pp_earning_book_has_places(const struct pp_earning_book *book, size_t places)
{
    return places_of(book->capacity) - book->count >= places;
}

bool pp_earning_book_has_room(const struct pp_earning_book *book, size_t changes)
{
    return pp_earning_book_has_places(book, changes) && book->change_capacity - book->change_count >= changes;
}

void pp_earning_book_load(struct pp_earning_book *book, uint32_t slot, uint32_t day, struct pp_grains fall)
{
    size_t at = place_find(book->entries, book->capacity, slot, day);
    if (book->entries[at].day == 0) {
        PP_ASSERT(pp_earning_book_has_places(book, 1));
        book->entries[at].slot = slot;
        book->entries[at].day = day;
        book->count++;
    }
    book->entries[at].fall = fall;
}

void pp_earning_book_set(struct pp_earning_book *book, uint32_t slot, uint32_t day, struct pp_grains fall)
{
    PP_ASSERT(pp_earning_book_has_room(book, 1));
    book->changes[book->change_count++] =
        (struct pp_earning_entry){slot, day, pp_earning_book_get(book, slot, day)};
    pp_earning_book_load(book, slot, day, fall);
}
