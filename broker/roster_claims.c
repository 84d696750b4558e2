/* The claims of one node's sockets on the names of one roster. */
#include "broker/roster.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void roster_claims_init(struct roster_claims *claims, const uint8_t seed[HTABLE_SEED_BYTES])
{
    *claims = (struct roster_claims){0};
    htable_init(&claims->by_id, seed);
    htable_init(&claims->by_key, seed);
    list_init(&claims->all);
}

void roster_claims_fini(struct roster_claims *claims)
{
    while (!list_empty(&claims->all)) {
        struct roster_claim *claim = LIST_FIRST(&claims->all, struct roster_claim, link);

        if (claim->state == ROSTER_CLAIM_ASKED) {
            roster_claims_settle(claims, claim, BROKER_CLAIM_UNAVAILABLE);
            continue;
        }
        roster_claims_detach(claims, claim);
        roster_claim_free(&claim);
    }
    htable_fini(&claims->by_id);
    htable_fini(&claims->by_key);
}

size_t roster_claims_count(const struct roster_claims *claims)
{
    return htable_count(&claims->by_id);
}

static bool copy_hash(uint8_t out[ROSTER_RESUME_BYTES], const uint8_t *hash)
{
    if (hash == NULL)
        return false;
    memcpy(out, hash, ROSTER_RESUME_BYTES);
    return true;
}

struct roster_claim *roster_claims_ask(struct roster_claims *claims, const struct broker_name *name,
                                       void (*done)(void *user, enum broker_claim_result result,
                                                    struct broker_claim claim),
                                       void *user)
{
    size_t key_bytes = strlen(name->key);
    size_t shown_bytes = strlen(name->shown);
    struct roster_claim *claim;

    if (key_bytes == 0 || key_bytes > ROSTER_KEY_MAX_BYTES || shown_bytes == 0 ||
        shown_bytes > ROSTER_SHOWN_MAX_BYTES)
        return NULL;
    claim = xmalloc(sizeof(*claim) + key_bytes + 1 + shown_bytes + 1);
    *claim = (struct roster_claim){
        .id = ++claims->last_id, .state = ROSTER_CLAIM_ASKED, .done = done, .user = user};
    memcpy(claim->bytes, name->key, key_bytes + 1);
    memcpy(claim->bytes + key_bytes + 1, name->shown, shown_bytes + 1);
    claim->key = (struct text){claim->bytes, key_bytes};
    claim->shown = (struct text){claim->bytes + key_bytes + 1, shown_bytes};
    claim->has_resume = copy_hash(claim->resume, name->resume);
    claim->has_new_resume = copy_hash(claim->new_resume, name->new_resume);
    list_init(&claim->link);
    list_add_tail(&claims->all, &claim->link);
    htable_insert(&claims->by_id, &claim->by_id, &claim->id, sizeof(claim->id));
    return claim;
}

void roster_claim_show(struct roster_claim *claim, struct text shown)
{
    if (shown.length == claim->shown.length &&
        memcmp(shown.bytes, claim->shown.bytes, shown.length) == 0)
        return;
    free(claim->shown_as_found);
    claim->shown_as_found = xmemdup0(shown.bytes, shown.length);
    claim->shown = (struct text){claim->shown_as_found, shown.length};
}

struct roster_claim *roster_claims_find(const struct roster_claims *claims, uint64_t id)
{
    struct htable_entry *entry = htable_find(&claims->by_id, &id, sizeof(id));

    return entry == NULL ? NULL : container_of(entry, struct roster_claim, by_id);
}

struct roster_claim *roster_claims_holder(const struct roster_claims *claims, struct text key)
{
    struct htable_entry *entry = htable_find(&claims->by_key, key.bytes, key.length);

    return entry == NULL ? NULL : container_of(entry, struct roster_claim, by_key);
}

void roster_claims_settle(struct roster_claims *claims, struct roster_claim *claim,
                          enum broker_claim_result result)
{
    void (*done)(void *, enum broker_claim_result, struct broker_claim) = claim->done;
    void *user = claim->user;
    struct broker_claim id = {0};

    assert(claim->state == ROSTER_CLAIM_ASKED);
    if (result == BROKER_CLAIM_WON || result == BROKER_CLAIM_RESUMED) {
        struct htable_entry *other =
            htable_insert(&claims->by_key, &claim->by_key, claim->key.bytes, claim->key.length);

        assert(other == NULL);
        (void)other;
        claim->state = ROSTER_CLAIM_HELD;
        id.id = claim->id;
    } else {
        roster_claims_detach(claims, claim);
        roster_claim_free(&claim);
    }
    done(user, result, id);
}

void roster_claims_detach(struct roster_claims *claims, struct roster_claim *claim)
{
    assert(claim->state != ROSTER_CLAIM_GONE);
    if (claim->state == ROSTER_CLAIM_HELD)
        htable_remove(&claims->by_key, &claim->by_key);
    htable_remove(&claims->by_id, &claim->by_id);
    list_del(&claim->link);
    claim->state = ROSTER_CLAIM_GONE;
}

void roster_claim_free(struct roster_claim **claim)
{
    if (*claim == NULL)
        return;
    assert((*claim)->state == ROSTER_CLAIM_GONE);
    free((*claim)->shown_as_found);
    free(*claim);
    *claim = NULL;
}
