/* earning_falls.h - on which days, and by how much, the rate falls for a stamp's storage. Private to rewards/. */
#ifndef PP_EARNING_FALLS_H
#define PP_EARNING_FALLS_H

#include <pp/earning.h>
#include <pp/refund.h>

struct pp_earning_fall {
    uint32_t day;
    struct pp_grains by;
};

/* A stamp's storage as its lane holds it: s = q n + r. REW-031, REW-033. */
struct pp_earning_falls {
    struct pp_grains first; /* earned on the day of storing */
    unsigned count;         /* of the falls to come */
    struct pp_earning_fall falls[2];
};
struct pp_earning_falls pp_earning_falls_of(const struct pp_storage_term *term);

/* The coming falls of a lane, ascending; at most PP_RETENTION_MAX_DAYS. */
uint16_t pp_earning_falls_ahead(const struct pp_earning_book *book, uint32_t slot,
                                const struct pp_earning_lane *lane, struct pp_earning_fall *out);

#endif
