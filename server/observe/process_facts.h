/* What the system knows of this process. */
#ifndef SRV_OBSERVE_PROCESS_FACTS_H
#define SRV_OBSERVE_PROCESS_FACTS_H

struct srv_process_facts {
    double resident_bytes, virtual_bytes;
    double cpu_s; /* of all threads, user and system */
    double threads;
    double open_fds, max_fds;
    double start_s; /* since the epoch */
};

/* Reads them from /proc; NAN where one is not to be had. Some 0.1 ms: for a scrape. Any thread. */
struct srv_process_facts srv_process_facts_read(void);

#endif
