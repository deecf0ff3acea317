/* liar.h - stands between a sender and its node, and changes or cuts what the node says. A process of its own. */
#ifndef LIAR_H
#define LIAR_H

#include <stdint.h>
#include <sys/types.h>

#define LIAR_RULES_MAX 4

struct liar {
    struct {
        const char *behind; /* in an answer's body, right behind this text ... */
        const char *
            instead; /* ... these bytes stand instead of as many others; NULL: the next byte becomes another digit or letter */
    } rules[LIAR_RULES_MAX];
    size_t rules_count;
    unsigned cut_every; /* every Nth answer ends after its first half, and the connection with it; 0: none */
    uint16_t port;
    char url[64];
    pid_t pid;
};

void liar_start(struct liar *liar, uint16_t node_port);
void liar_stop(struct liar *liar);

#endif
