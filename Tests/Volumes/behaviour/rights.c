// Who may do what: owners, modes, extended attributes, access control lists, flags.
#include "behaviour.h"

static void tries_of_others(void) {
    CALL(open("private", O_RDONLY));
    CALL(open("public", O_RDONLY) >= 0);
    CALL(open("public", O_WRONLY));
    CALL(chmod("public", 0777));
    CALL(chown("public", 1234, 1234));
    CALL(unlink("public"));
    CALL(creat("new", 0600));
    CALL(unlink("sticky/roots"));
    CALL(rename("sticky/roots", "sticky/mine"));
    CALL(close(creat("sticky/own", 0600)));
    CALL(unlink("sticky/own"));
    CALL(opendir("closed") == NULL);
    CALL(access("closed/inside", F_OK));
    CALL(opendir("passage") == NULL);
    CALL(access("passage/inside", F_OK));
    CALL(mkdir("group/mine", 0755));
    CALL(close(creat("group/file", 02755)));
    int fd = open("set-id", O_WRONLY);
    CALL(write(fd, "x", 1));
    close(fd);
    CALL(chmod("sticky", 0777));
    CALL(setxattr("public", "user.mine", "x", 1, 0));
}

void owners_and_modes(void) {
    make("private", "x"), make("public", "x"), make("set-id", "x");
    CALL(chmod("private", 0600));
    CALL(mkdir("sticky", 0755));
    CALL(chmod("sticky", 01777));
    make("sticky/roots", "x");
    CALL(mkdir("closed", 0700));
    make("closed/inside", "x");
    CALL(mkdir("passage", 0711));
    make("passage/inside", "x");
    CALL(mkdir("group", 0755));
    CALL(chown("group", 0, 4321));
    CALL(chmod("group", 02777));
    CALL(chmod("set-id", 06777));
    CALL(as(1234, 1234, tries_of_others));
    report_status("group/mine"), report_status("group/file"), report_status("set-id");
    CALL(chmod("set-id", 06755));
    CALL(chown("set-id", 77, 78));
    report_status("set-id");
    CALL(chmod("set-id", 07777));
    report_status("set-id");
    CALL(truncate("set-id", 0));
    report_status("set-id");
    CALL(chown("set-id", -1, 79));
    report_status("set-id");
    CALL(chmod("missing", 0));
    umask(077);
    CALL(mkdir("masked", 0777));
    CALL(close(creat("masked-file", 0666)));
    CALL(mkfifo("masked-pipe", 0666));
    umask(022);
    report_status("masked"), report_status("masked-file"), report_status("masked-pipe");
}

struct __attribute__((packed)) list {
    uint32_t version;
    struct __attribute__((packed)) { uint16_t tag, rights; uint32_t who; } entries[5];
};
// Owner rw, user 1234 rwx, group r, mask rwx, others none.
static const struct list list = {2, {{1, 6, -1u}, {2, 7, 1234}, {4, 4, -1u}, {16, 7, -1u}, {32, 0, -1u}}};

static void allowed_by_list(void) {
    CALL(close(open("listed", O_RDWR)));
    CALL(close(open("inherits/file", O_RDWR)));
    CALL(setxattr("listed", "system.posix_acl_access", &list, sizeof(list), 0));
}

static void in_group(void) { CALL(open("listed", O_RDONLY)); }

static char value[4000];

static void user_attributes(void) {
    memset(value, 'v', sizeof(value));
    make("file", "x");
    CALL(setxattr("file", "user.a", "one", 3, 0));
    CALL(setxattr("file", "user.a", "two", 3, XATTR_CREATE));
    CALL(setxattr("file", "user.b", "two", 3, XATTR_REPLACE));
    CALL(setxattr("file", "user.empty", "", 0, 0));
    CALL(setxattr("file", "user.big", value, 3000, 0));
    CALL(getxattr("file", "user.a", value, 2));
    CALL(getxattr("file", "user.a", value, 0));
    CALL(getxattr("file", "user.a", value, 100));
    CALL(getxattr("file", "user.none", value, 100));
    CALL(listxattr("file", value, sizeof(value)));
    CALL(listxattr("file", value, 3));
    CALL(removexattr("file", "user.a"));
    CALL(removexattr("file", "user.a"));
    CALL(setxattr("file", "user.", "x", 1, 0));
    CALL(setxattr("file", "unknown.name", "x", 1, 0));
    CALL(symlink("file", "link"));
    CALL(lsetxattr("link", "user.a", "x", 1, 0));
    CALL(mkfifo("pipe", 0600));
    CALL(setxattr("pipe", "user.a", "x", 1, 0));
    CALL(getxattr("pipe", "user.a", value, 1));
    CALL(listxattr("pipe", value, sizeof(value)));
    CALL(mkdir("directory", 0755));
    CALL(setxattr("directory", "user.directory", "x", 1, 0));
}

static void capability_of_file(void) {
    const uint32_t capability[] = {0x02000001, 1 << 13, 0, 0, 0};
    CALL(setxattr("file", "security.capability", capability, 20, 0));
    CALL(getxattr("file", "security.capability", value, 100));
    int fd = open("file", O_WRONLY);
    CALL(write(fd, "y", 1));
    CALL(getxattr("file", "security.capability", value, 100));
    close(fd);
}

static void access_lists(void) {
    make("listed", "x");
    CALL(getxattr("listed", "system.posix_acl_access", value, 100));
    CALL(setxattr("listed", "system.posix_acl_access", &list, sizeof(list), 0));
    CALL(getxattr("listed", "system.posix_acl_access", value, 100));
    report_status("listed");
    CALL(chmod("listed", 0640));
    CALL(getxattr("listed", "system.posix_acl_access", value, 100));
    CALL(((struct list *)value)->entries[3].rights);
    CALL(chmod("listed", 0660));
    CALL(mkdir("inherits", 0755));
    CALL(setxattr("inherits", "system.posix_acl_default", &list, sizeof(list), 0));
    umask(077);
    CALL(close(creat("inherits/file", 0666)));
    CALL(mkdir("inherits/directory", 0777));
    umask(022);
    report_status("inherits/file"), report_status("inherits/directory");
    CALL(getxattr("inherits/directory", "system.posix_acl_default", value, 100));
    CALL(as(1234, 1234, allowed_by_list));
    CALL(as(99, 0, in_group));
    CALL(removexattr("listed", "system.posix_acl_access"));
    CALL(as(1234, 1234, allowed_by_list));
    CALL(setxattr("listed", "system.posix_acl_access", "garbage", 7, 0));
}

static void file_flags(void) {
    unsigned flags = 0;
    int fd = open("file", O_WRONLY);
    int has_flags = ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
    CALL(has_flags);
    if (has_flags) {
        CALL(flags);
        flags |= FS_NODUMP_FL;
        CALL(ioctl(fd, FS_IOC_SETFLAGS, &flags));
        CALL(ioctl(fd, FS_IOC_GETFLAGS, &flags));
        CALL(flags);
    }
    CALL(ioctl(fd, 0x1234, &flags));
    close(fd);
}

void attributes(void) {
    user_attributes();
    capability_of_file();
    access_lists();
    file_flags();
}
