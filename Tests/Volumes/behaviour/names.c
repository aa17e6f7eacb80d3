// Names, links, renames, removal.
#include "behaviour.h"

void names(void) {
    char name[300];
    memset(name, 'n', sizeof(name));
    name[255] = 0;
    CALL(close(creat(name, 0600)));
    CALL(unlink(name));
    name[255] = 'n', name[256] = 0;
    CALL(creat(name, 0600));
    CALL(mkdir(name, 0700));
    CALL(symlink("x", name));
    CALL(access(name, F_OK));
    CALL(close(creat("\xff\xfe \n\t*?", 0644)));
    report_status("\xff\xfe \n\t*?");
    CALL(creat("", 0600));
    CALL(creat("missing/file", 0600));
    CALL(mkdir("directory/", 0751));
    CALL(mkdir("directory", 0700));
    CALL(creat("directory/", 0600));
    CALL(creat("directory", 0600));
    CALL(rmdir("directory/."));
    CALL(rmdir("."));
    CALL(mkfifo("pipe", 0640));
    CALL(mknod("socket", S_IFSOCK | 0600, 0));
    CALL(mknod("empty", S_IFREG | 0604, 0));
    CALL(mknod("whiteout", S_IFCHR | 0600, 0));
    CALL(mknod("directory2", S_IFDIR | 0600, 0));
    for (const char *const *each = (const char *const[]){"directory", "pipe", "socket", "empty", "whiteout", NULL}; *each; each++)
        report_status(*each);
    CALL(open("empty/below", O_RDONLY));
    CALL(rmdir("empty"));
    CALL(unlink("directory"));
    make("directory/inside", "x");
    CALL(rmdir("directory"));
    CALL(unlink("directory/inside"));
    CALL(rmdir("directory/"));
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "listening"};
    int listening = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    CALL(bind(listening, (struct sockaddr *)&address, sizeof(address)));
    CALL(listen(listening, 1));
    CALL(connect(client, (struct sockaddr *)&address, sizeof(address)));
    CALL(bind(client, (struct sockaddr *)&address, sizeof(address)));
    close(listening), close(client);
    struct statvfs status;
    CALL(statvfs(".", &status));
    CALL(status.f_namemax);
}

void renames(void) {
    make("a", "A"), make("b", "BB");
    CALL(mkdir("d", 0755));
    CALL(mkdir("d/e", 0755));
    CALL(mkdir("f", 0755));
    CALL(rename("a", "missing/a"));
    CALL(rename("missing", "a"));
    CALL(rename("a", "d"));
    CALL(rename("d", "a"));
    CALL(rename("d", "d/e/x"));
    CALL(rename("f", "d"));
    CALL(rename("d", "f"));
    report_status("f/e");
    CALL(rename("a", "a"));
    CALL(rename("a", "b"));
    report_status("a"), report_status("b");
    CALL(link("b", "c"));
    CALL(rename("b", "c"));
    report_status("b"), report_status("c");
    make("x", "X"), make("y", "YYY");
    CALL(renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE));
    CALL(renameat2(AT_FDCWD, "x", AT_FDCWD, "z", RENAME_NOREPLACE));
    CALL(renameat2(AT_FDCWD, "z", AT_FDCWD, "f", RENAME_EXCHANGE));
    report_status("z"), report_status("f"), report_status("z/e");
    CALL(renameat2(AT_FDCWD, "z", AT_FDCWD, "missing", RENAME_EXCHANGE));
    CALL(renameat2(AT_FDCWD, "y", AT_FDCWD, "w", RENAME_WHITEOUT));
    report_status("y"), report_status("w");
    CALL(renameat2(AT_FDCWD, "w", AT_FDCWD, "v", RENAME_NOREPLACE | RENAME_EXCHANGE));
    CALL(renameat2(AT_FDCWD, "w", AT_FDCWD, "v", 1 << 5));
    CALL(symlink("w", "link"));
    CALL(rename("link", "link2"));
    report_status("link2");
    CALL(rename("w", "link2"));
    report_status("link2");
    // What is open stays the same file wherever it goes.
    int fd = open("link2", O_RDWR);
    CALL(rename("link2", "z/e/deep"));
    CALL(write(fd, "moved", 5));
    report_status("z/e/deep");
    close(fd);
}

static char target[PATH_MAX + 1];

static void links(void) {
    make("file", "contents");
    CALL(link("file", "second"));
    report_status("file");
    CALL(link("file", "second"));
    CALL(mkdir("directory", 0755));
    CALL(link("directory", "third"));
    CALL(link("missing", "third"));
    CALL(symlink("file", "soft"));
    CALL(link("soft", "hard-of-soft"));
    report_status("hard-of-soft");
    CALL(linkat(AT_FDCWD, "soft", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    report_status("followed");
    memset(target, 't', 4095);
    CALL(symlink(target, "longest"));
    report_status("longest");
    char read_back[PATH_MAX];
    CALL(readlink("longest", read_back, sizeof(read_back)));
    CALL(readlink("soft", read_back, 2));
    CALL(readlink("file", read_back, 2));
    CALL(symlink("", "empty"));
    CALL(symlink("loop", "loop"));
    CALL(open("loop", O_RDONLY));
    CALL(open("soft", O_RDONLY | O_NOFOLLOW));
    CALL(open("soft/", O_RDONLY));
    CALL(lchown("soft", 11, 12));
    report_status("soft"), report_status("file");
}

static void removed_while_open(void) {
    char read_back[PATH_MAX];
    int fd = open("file", O_RDWR);
    CALL(unlink("file"));
    CALL(unlink("second"));
    CALL(unlink("followed"));
    struct stat status;
    CALL(fstat(fd, &status));
    CALL(status.st_nlink);
    CALL(pwrite(fd, "more", 4, 8));
    CALL(ftruncate(fd, 10));
    CALL(lseek(fd, 0, SEEK_END));
    CALL(pread(fd, read_back, 100, 0));
    CALL(fchmod(fd, 0600));
    CALL(fsync(fd));
    close(fd);
}

static void without_a_name(void) {
    int nameless = open(".", O_TMPFILE | O_RDWR, 0640);
    CALL(nameless >= 0);
    CALL(write(nameless, "nameless", 8));
    snprintf(target, sizeof(target), "/proc/self/fd/%d", nameless);
    CALL(linkat(AT_FDCWD, target, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    report_status("named");
    close(nameless);
    nameless = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640);
    snprintf(target, sizeof(target), "/proc/self/fd/%d", nameless);
    CALL(linkat(AT_FDCWD, target, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
    close(nameless);
    CALL(open(".", O_TMPFILE | O_RDONLY, 0640));
}

static void removed_directory(void) {
    CALL(mkdir("gone", 0755));
    int directory = open("gone", O_RDONLY | O_DIRECTORY);
    CALL(rmdir("gone"));
    CALL(openat(directory, "new", O_CREAT | O_WRONLY, 0600));
    CALL(mkdirat(directory, "new", 0700));
    CALL(fchmod(directory, 0700));
    close(directory);
}

void links_and_removed(void) {
    links();
    removed_while_open();
    without_a_name();
    removed_directory();
}
