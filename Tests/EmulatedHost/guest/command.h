// The command: what the launcher said about it, and its start.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct command {
    char **arguments, **variables;     // NULL-terminated
    char *directory;
    bool terminal;
    uint16_t rows, columns;
    pid_t pid;
    int input, output, error;          // our ends; with a terminal input and output are its master, error is -1
};

void add_string(char ***list, const uint8_t *bytes, size_t length);
void start_command(struct command *command);
void resize_terminal(const struct command *command);
