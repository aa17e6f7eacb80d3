#define _GNU_SOURCE
#include "command.h"
#include "wire.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

extern char **environ;

void add_string(char ***list, const uint8_t *bytes, size_t length) {
    size_t count = 0;
    while (*list != NULL && (*list)[count] != NULL) count++;
    char **longer = realloc(*list, (count + 2) * sizeof(char *));
    char *copy = strndup((const char *)bytes, length);
    if (longer == NULL || copy == NULL) fail("out of memory for the command");
    longer[count] = copy;
    longer[count + 1] = NULL;
    *list = longer;
}

void resize_terminal(const struct command *command) {
    struct winsize size = { .ws_row = command->rows, .ws_col = command->columns };
    if (command->terminal) ioctl(command->input, TIOCSWINSZ, &size);
}

static _Noreturn void execute(const struct command *command, const int standard[3]) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    if (command->terminal) ioctl(standard[0], TIOCSCTTY, 0);
    for (int i = 0; i < 3; i++) dup2(standard[i], i);
    environ = command->variables;
    if (command->directory != NULL && chdir(command->directory) != 0)
        dprintf(2, "emulated-host: cannot enter %s: %s\n", command->directory, strerror(errno)), _exit(126);
    execvp(command->arguments[0], command->arguments);
    int missing = errno == ENOENT;
    dprintf(2, "emulated-host: %s: %s\n", command->arguments[0], strerror(errno));
    _exit(missing ? 127 : 126);
}

static void open_terminal(struct command *command, int standard[3]) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) fail("cannot open a terminal");
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) fail("cannot open the terminal's other end");
    standard[0] = standard[1] = standard[2] = slave;
    command->input = command->output = master;
    command->error = -1;
    resize_terminal(command);
}

static void open_pipes(struct command *command, int standard[3]) {
    int input[2], output[2], error[2];
    if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0 || pipe2(error, O_CLOEXEC) != 0)
        fail("cannot make pipes: %s", strerror(errno));
    standard[0] = input[0], command->input = input[1];
    standard[1] = output[1], command->output = output[0];
    standard[2] = error[1], command->error = error[0];
}

void start_command(struct command *command) {
    int standard[3];
    if (command->arguments == NULL) fail("no command was given");
    if (command->terminal) open_terminal(command, standard);
    else open_pipes(command, standard);
    command->pid = fork();
    if (command->pid < 0) fail("cannot fork: %s", strerror(errno));
    if (command->pid == 0) execute(command, standard);
    for (int i = 0; i < 3; i++)
        if (i == 0 || standard[i] != standard[0]) close(standard[i]);
    int ours[] = { command->input, command->output, command->error };
    for (int i = 0; i < 3; i++)
        if (ours[i] >= 0) fcntl(ours[i], F_SETFL, fcntl(ours[i], F_GETFL) | O_NONBLOCK);
}
