/*
 * replay_main.c: runs a fuzz target over files instead of under a fuzzer.
 *
 *     replay_NAME FILE-OR-FOLDER ...
 *
 * Prints each file before it is run, so that the last line of a crash names its culprit, and ends
 * with the number of inputs. No input at all is a failure: it would prove nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, size_t bytes)
{
    /* Exactly as long as the input, so that a sanitizer sees a read one byte past its end. */
    uint8_t *data = malloc(bytes ? bytes : 1);
    FILE *file = fopen(path, "rb");
    if (!data || !file || fread(data, 1, bytes, file) != bytes) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        free(data);
        if (file) {
            fclose(file);
        }
        return -1;
    }
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, bytes);
    free(data);
    return 1;
}

static int replay_path(const char *path);

static int replay_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    int total = 0;
    if (count < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    for (int i = 0; i < count; i++) {
        char child[4096];
        if (entries[i]->d_name[0] != '.' && total >= 0) {
            snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name);
            int done = replay_path(child);
            total = done < 0 ? done : total + done;
        }
        free(entries[i]);
    }
    free(entries);
    return total;
}

static int replay_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int done = replay_path(argv[i]);
        if (done < 0) {
            return 1;
        }
        total += done;
    }
    printf("%d inputs\n", total);
    return total > 0 ? 0 : 1;
}
