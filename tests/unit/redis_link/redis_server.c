#define _GNU_SOURCE
#include "tests/unit/redis_link/redis_server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define START_MS 20000
#define PORT_TRIES 20

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        fail_msg("no free port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static void dump_name(const struct redis_server *server, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "confab-test-%u.rdb", server->port);
}

static void run_server(const struct redis_server *server, int out)
{
    const char *password = server->password != NULL ? server->password : "";
    char port[8], dump[64];

    dump_name(server, dump, sizeof(dump));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(port, sizeof(port), "%u", server->port);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
           "--appendonly", "no", "--daemonize", "no", "--dir", "/tmp", "--dbfilename", dump,
           "--requirepass", password, (char *)NULL);
    fprintf(stderr, "redis-server: %s\n", strerror(errno));
    _exit(127);
}

/* Reads what the server says until it says that it is ready. False when it ended instead. */
static bool wait_until_ready(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char said[16384];
    size_t length = 0;
    ssize_t got;

    while (length < sizeof(said) - 1 && poll(&wait, 1, START_MS) == 1) {
        got = read(fd, said + length, sizeof(said) - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
        said[length] = '\0';
        if (strstr(said, "eady to accept connections") != NULL)
            return true;
    }
    said[length] = '\0';
    if (strstr(said, "Address already in use") == NULL)
        fail_msg("redis-server did not start: %s", said);
    return false;
}

void redis_server_start(struct redis_server *server)
{
    bool first = server->port == 0;

    for (int i = 0; i < PORT_TRIES; i++) {
        int fds[2];

        if (first)
            server->port = free_port();
        if (pipe2(fds, O_CLOEXEC) != 0)
            fail_msg("pipe: %s", strerror(errno));
        /* What it says later is nobody's; it must not wait for a reader. */
        fcntl(fds[1], F_SETFL, O_NONBLOCK);
        server->pid = fork();
        if (server->pid == 0)
            run_server(server, fds[1]);
        close(fds[1]);
        server->log_fd = fds[0];
        if (server->pid > 0 && wait_until_ready(fds[0]))
            return;
        redis_server_kill(server);
    }
    fail_msg("redis-server found no port");
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    close(server->log_fd);
    server->pid = 0;
}

void redis_server_end(struct redis_server *server)
{
    char name[64], path[80];

    redis_server_kill(server);
    dump_name(server, name, sizeof(name));
    snprintf(path, sizeof(path), "/tmp/%s", name);
    unlink(path);
}

void redis_server_pause(const struct redis_server *server)
{
    kill(server->pid, SIGSTOP);
    waitpid(server->pid, NULL, WUNTRACED);
}

void redis_server_resume(const struct redis_server *server)
{
    kill(server->pid, SIGCONT);
}
