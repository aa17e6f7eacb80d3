// Makes the caller's machine out of an initramfs: modules, mounts, and the few settings that the tests rely on.
#pragma once

void mount_kernel_filesystems(void);              // /proc, /sys, /dev of the initramfs
void load_modules(const char *directory);            // every *.ko of a directory, in the order of their names
void enter_root(void);                            // the caller's root, read-only below a tmpfs, becomes /
void mount_shares(char **shares);                 // each "tag\npath"; NULL-terminated
void bind_modules(const char *directory);
void make_directories(const char *path);              // mkdir -p
void settle(void);                                // cgroup2, /run, /tmp, devices, sysctls, loopback, host name
