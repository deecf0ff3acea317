#define _GNU_SOURCE
#include "chain_relay.h"

#include "pp_test.h"

#include <curl/curl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define ARGUMENTS_MAX 32u

struct bytes {
    char *at;
    size_t length;
};

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct bytes *to = context;
    to->at = realloc(to->at, to->length + size * count + 1);
    ck_assert_ptr_nonnull(to->at);
    memcpy(to->at + to->length, bytes, size * count);
    to->length += size * count;
    to->at[to->length] = '\0';
    return size * count;
}

static struct pp_fake_answer forward(const struct chain_relay *relay, const struct pp_fake_question *question)
{
    struct bytes answer = {NULL, 0};
    json_t *object = json_pack("{s:s, s:I, s:s, s:O}", "jsonrpc", "2.0", "id", (json_int_t)question->id,
                               "method", question->method, "params", question->params);
    char *text = json_dumps(object, JSON_COMPACT);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, relay->world->anvil.url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    json_decref(object);
    free(text);
    return (struct pp_fake_answer){.body = answer.at, .length = answer.length};
}

static bool is_lied_to(const struct chain_relay *relay, const struct pp_fake_question *question)
{
    const char *data = json_string_value(json_object_get(json_array_get(question->params, 0), "data"));
    return relay->lie_to && strcmp(question->method, "eth_call") == 0 && data &&
           strncmp(data, relay->lie_to, strlen(relay->lie_to)) == 0;
}

static void victim_kill(struct chain_relay *relay)
{
    pid_t pid;
    while ((pid = atomic_load(&relay->victim)) == 0) /* it asked before its parent knew its number */
        sched_yield();
    kill(pid, SIGKILL);
}

static struct pp_fake_answer relay_answer(void *context, const struct pp_fake_question *question)
{
    struct chain_relay *relay = context;
    bool kills = atomic_fetch_add(&relay->questions, 1) + 1 == atomic_load(&relay->kill_at);
    bool sends = strcmp(question->method, "eth_sendRawTransaction") == 0;
    if (kills && !sends) {
        victim_kill(relay);
        return (struct pp_fake_answer){.status = 500};
    }
    if (is_lied_to(relay, question))
        return pp_fake_result(question, relay->lie);
    struct pp_fake_answer answer = forward(relay, question);
    if (kills)
        victim_kill(relay);
    return answer;
}

void chain_relay_start(struct chain_relay *relay, struct payer_world *w)
{
    memset(relay, 0, sizeof *relay);
    relay->world = w;
    relay->rpc = pp_fake_rpc_start(relay_answer, relay);
    relay->url = pp_fake_rpc_url(relay->rpc);
}

void chain_relay_stop(struct chain_relay *relay)
{
    pp_fake_rpc_stop(relay->rpc);
}

bool chain_relay_killed(struct chain_relay *relay, unsigned question, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX];
    size_t count = 0;
    int status;
    for (; arguments[count]; count++) {
        ck_assert_uint_lt(count, ARGUMENTS_MAX - 3);
        all[count] = arguments[count];
    }
    all[count++] = "--rpc";
    all[count++] = relay->url;
    all[count] = NULL;
    atomic_store(&relay->questions, 0);
    atomic_store(&relay->kill_at, question);
    atomic_store(&relay->victim, 0);
    pid_t pid = payer_spawn(relay->world, all);
    atomic_store(&relay->victim, pid);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    atomic_store(&relay->kill_at, 0);
    if (WIFSIGNALED(status)) {
        ck_assert_int_eq(WTERMSIG(status), SIGKILL);
        return true;
    }
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert_uint_lt(atomic_load(&relay->questions), question);
    return false;
}
