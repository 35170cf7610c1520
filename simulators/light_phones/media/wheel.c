/* The engine: a wheel of 20 slots of 1 ms that one thread turns, each stream having its place in it. */

#include "parts.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>

enum { SLOTS = 20, LOWEST_PORT = 16384, PAIRS = (65534 - LOWEST_PORT) / 2, FEWEST = 16, MOST_EVENTS = 1 << 20 };
/* So far behind, rounds are left out: phones that send bursts of old sound are no phones. */
static const int64_t GIVE_UP_NS = 400 * NS_PER_MS;

struct slot {
    lm_stream **streams;
    uint32_t count, room;
};

struct lm_engine {
    struct in_addr address;
    const lm_sound *sound;
    int threaded;
    pthread_t thread;

    pthread_mutex_t lock; /* slots, tally, ports, random */
    int stop;
    struct slot slots[SLOTS];
    struct tally tally;
    uint32_t next_pair;
    uint64_t random;
    double cpu_seen_s;

    pthread_mutex_t event_lock;
    lm_event *events;
    uint32_t event_count, event_room;
    uint64_t events_lost;
};

const lm_sound *lm_engine_sound(const lm_engine *engine)
{
    return engine->sound;
}

/* xorshift64*: spreads phases, numbers and reports; nothing that is secret. */
uint32_t lm_random(lm_engine *engine)
{
    uint64_t value = __atomic_load_n(&engine->random, __ATOMIC_RELAXED);
    value ^= value >> 12;
    value ^= value << 25;
    value ^= value >> 27;
    __atomic_store_n(&engine->random, value, __ATOMIC_RELAXED);
    return (uint32_t)((value * 0x2545F4914F6CDD1DULL) >> 32);
}

void lm_engine_event(lm_engine *engine, const lm_event *event)
{
    pthread_mutex_lock(&engine->event_lock);
    if (engine->event_count == engine->event_room && engine->event_room < MOST_EVENTS) {
        uint32_t room = engine->event_room ? engine->event_room * 2 : 256;
        lm_event *events = realloc(engine->events, room * sizeof *events);
        if (events != NULL) {
            engine->events = events;
            engine->event_room = room;
        }
    }
    if (engine->event_count < engine->event_room)
        engine->events[engine->event_count++] = *event;
    else
        engine->events_lost++;
    pthread_mutex_unlock(&engine->event_lock);
}

int lm_engine_events(lm_engine *engine, lm_event *events, int most)
{
    pthread_mutex_lock(&engine->event_lock);
    uint32_t count = engine->event_count < (uint32_t)most ? engine->event_count : (uint32_t)most;
    if (count > 0) {
        memcpy(events, engine->events, count * sizeof *events);
        engine->event_count -= count;
        memmove(engine->events, engine->events + count, engine->event_count * sizeof *events);
    }
    pthread_mutex_unlock(&engine->event_lock);
    return (int)count;
}

static void add_tally(struct tally *sum, const struct tally *more)
{
    sum->sent += more->sent;
    sum->received += more->received;
    sum->late += more->late;
    sum->skipped += more->skipped;
    sum->send_failed += more->send_failed;
    sum->receive_drops += more->receive_drops;
    if (more->late_max_ns > sum->late_max_ns)
        sum->late_max_ns = more->late_max_ns;
    for (int step = 0; step < LATENESS_STEPS; step++)
        sum->lateness[step] += more->lateness[step];
}

/* The streams of a slot, those that were closed being freed; returns how many there are. */
static uint32_t take_slot(struct slot *slot, lm_stream ***streams, uint32_t *room)
{
    uint32_t kept = 0;
    for (uint32_t at = 0; at < slot->count; at++) {
        lm_stream *stream = slot->streams[at];
        pthread_mutex_lock(&stream->lock);
        int closed = stream->state == CLOSED;
        pthread_mutex_unlock(&stream->lock);
        if (closed)
            lm_stream_free(stream);
        else
            slot->streams[kept++] = stream;
    }
    slot->count = kept;
    if (kept > *room) {
        lm_stream **larger = realloc(*streams, slot->room * sizeof *larger);
        if (larger == NULL)
            return 0;
        *streams = larger;
        *room = slot->room;
    }
    if (kept > 0)
        memcpy(*streams, slot->streams, kept * sizeof **streams);
    return kept;
}

/* How many slots after this one the next is that has a stream; a whole turn when there is none. */
static int to_next(const struct lm_engine *engine, int64_t tick)
{
    for (int after = 1; after < SLOTS; after++)
        if (engine->slots[(tick + after) % SLOTS].count > 0)
            return after;
    return SLOTS;
}

static void sleep_until(int64_t at_ns)
{
    struct timespec until = {at_ns / NS_PER_S, at_ns % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

static void *turn(void *argument)
{
    lm_engine *engine = argument;
    lm_stream **streams = NULL;
    uint32_t room = 0;
    prctl(PR_SET_NAME, "light-media");
    /* The kernel may otherwise be 50 us late to bundle timers. */
    prctl(PR_SET_TIMERSLACK, 1UL);
    int64_t tick = clock_ns(CLOCK_MONOTONIC) / NS_PER_MS;
    int step = 1;
    for (;;) {
        tick += step;
        int64_t due_ns = tick * NS_PER_MS, now_ns = clock_ns(CLOCK_MONOTONIC);
        if (now_ns < due_ns)
            sleep_until(due_ns);
        else if (now_ns - due_ns > GIVE_UP_NS) {
            tick += (now_ns - due_ns) / FRAME_NS * SLOTS;
            due_ns = tick * NS_PER_MS;
        }
        struct tally tally;
        memset(&tally, 0, sizeof tally);
        pthread_mutex_lock(&engine->lock);
        if (engine->stop) {
            pthread_mutex_unlock(&engine->lock);
            break;
        }
        uint32_t count = take_slot(&engine->slots[tick % SLOTS], &streams, &room);
        step = to_next(engine, tick);
        pthread_mutex_unlock(&engine->lock);
        if (count == 0)
            continue;
        for (uint32_t at = 0; at < count; at++)
            lm_stream_serve(streams[at], tick / SLOTS, due_ns, &tally);
        pthread_mutex_lock(&engine->lock);
        add_tally(&engine->tally, &tally);
        pthread_mutex_unlock(&engine->lock);
    }
    free(streams);
    return NULL;
}

static int start_thread(lm_engine *engine)
{
    /* Signals are Python's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&engine->thread, NULL, turn, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int lm_engine_new(lm_engine **into, const char *address, const lm_sound *sound, int threaded, uint32_t seed)
{
    lm_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return -ENOMEM;
    engine->sound = sound;
    engine->threaded = threaded;
    engine->random = seed + 0x9E3779B97F4A7C15ULL;
    engine->next_pair = lm_random(engine) % PAIRS;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->event_lock, NULL);
    int error = inet_pton(AF_INET, address, &engine->address) == 1 ? 0 : -EINVAL;
    if (!error && threaded)
        error = start_thread(engine);
    if (error) {
        free(engine);
        return error;
    }
    *into = engine;
    return 0;
}

void lm_engine_free(lm_engine *engine)
{
    if (engine->threaded) {
        pthread_mutex_lock(&engine->lock);
        engine->stop = 1;
        pthread_mutex_unlock(&engine->lock);
        pthread_join(engine->thread, NULL);
    }
    for (int slot = 0; slot < SLOTS; slot++) {
        for (uint32_t at = 0; at < engine->slots[slot].count; at++)
            lm_stream_free(engine->slots[slot].streams[at]);
        free(engine->slots[slot].streams);
    }
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->event_lock);
    free(engine->events);
    free(engine);
}

static double thread_cpu_s(const lm_engine *engine)
{
    clockid_t clock;
    if (!engine->threaded || pthread_getcpuclockid(engine->thread, &clock) != 0)
        return 0.0;
    return (double)clock_ns(clock) / 1e9;
}

static int64_t percentile_ns(const struct tally *tally, double share)
{
    uint64_t below = 0, wanted = (uint64_t)((double)tally->sent * share);
    for (int step = 0; step < LATENESS_STEPS; step++) {
        below += tally->lateness[step];
        if (below > wanted) {
            int64_t upper_ns = (step + 1) * LATENESS_STEP_NS;
            return step == LATENESS_STEPS - 1 || upper_ns > tally->late_max_ns ? tally->late_max_ns : upper_ns;
        }
    }
    return tally->late_max_ns;
}

void lm_engine_health(lm_engine *engine, lm_health *health)
{
    memset(health, 0, sizeof *health);
    double cpu_s = thread_cpu_s(engine);
    pthread_mutex_lock(&engine->lock);
    const struct tally *tally = &engine->tally;
    health->sent = tally->sent;
    health->received = tally->received;
    health->late = tally->late;
    health->skipped = tally->skipped;
    health->send_failed = tally->send_failed;
    health->receive_drops = tally->receive_drops;
    health->late_max_ns = tally->late_max_ns;
    health->late_p99_ns = percentile_ns(tally, 0.99);
    health->cpu_s = cpu_s - engine->cpu_seen_s;
    engine->cpu_seen_s = cpu_s;
    memset(&engine->tally, 0, sizeof engine->tally);
    pthread_mutex_unlock(&engine->lock);
    pthread_mutex_lock(&engine->event_lock);
    health->events_lost = engine->events_lost;
    engine->events_lost = 0;
    pthread_mutex_unlock(&engine->event_lock);
}

static int add_to_slot(lm_engine *engine, lm_stream *stream)
{
    int chosen = 0;
    for (int slot = 1; slot < SLOTS; slot++)
        if (engine->slots[slot].count < engine->slots[chosen].count)
            chosen = slot;
    struct slot *slot = &engine->slots[chosen];
    if (slot->count == slot->room) {
        uint32_t room = slot->room ? slot->room * 2 : FEWEST;
        lm_stream **streams = realloc(slot->streams, room * sizeof *streams);
        if (streams == NULL)
            return -ENOMEM;
        slot->streams = streams;
        slot->room = room;
    }
    stream->slot = chosen;
    slot->streams[slot->count++] = stream;
    return 0;
}

int lm_open(lm_engine *engine, uint32_t number, lm_stream **into)
{
    lm_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return -ENOMEM;
    stream->engine = engine;
    stream->number = number;
    int error = -EADDRINUSE;
    pthread_mutex_lock(&engine->lock);
    stream->ssrc = lm_random(engine);
    /* In the lower half: a loss at the beginning does not make SRTP miss a turn of the numbers (RFC 3711 3.3.1). */
    stream->sequence = (uint16_t)(lm_random(engine) & 0x7FFF);
    stream->timestamp = lm_random(engine);
    /* Ports are taken in turn, so that one which was given back is not taken again soon: what still comes to it from
     * its last call must not be heard in another. */
    for (int tried = 0; tried < PAIRS && error == -EADDRINUSE; tried++) {
        uint16_t port = (uint16_t)(LOWEST_PORT + 2 * engine->next_pair);
        engine->next_pair = (engine->next_pair + 1) % PAIRS;
        error = lm_stream_init(stream, engine->address, port);
    }
    if (!error) {
        error = add_to_slot(engine, stream);
        if (error)
            lm_stream_free(stream);
    } else {
        free(stream);
    }
    pthread_mutex_unlock(&engine->lock);
    if (!error)
        *into = stream;
    return error;
}
