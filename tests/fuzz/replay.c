/* Runs one fuzz target over every file of the folders it is given, and over the beginnings of each file, so that the corpus
 * is part of the ordinary tests. Each input has a block of its own: a sanitizer sees the first byte read past it. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUTS = 16 };

static void run(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size ? size : 1);
        if (!copy)
                abort();
        memcpy(copy, data, size);
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
}

static int file(const char *path)
{
        FILE *f = fopen(path, "rbe");
        uint8_t *data = NULL;
        size_t size = 0, got;
        if (!f) {
                perror(path);
                return 0;
        }
        do {
                data = realloc(data, size + 65536);
                if (!data)
                        abort();
                got = fread(data + size, 1, 65536, f);
                size += got;
        } while (got);
        fclose(f);
        fprintf(stderr, "%s\n", path); /* the last line before a crash names its input */
        run(data, size);
        for (size_t i = 1; i < CUTS; i++)
                run(data, size * i / CUTS);
        free(data);
        return 1;
}

static int folder(const char *path)
{
        struct dirent **names;
        int n = scandir(path, &names, NULL, alphasort), files = 0;
        if (n < 0) {
                perror(path);
                return 0;
        }
        for (int i = 0; i < n; i++) {
                char full[4096];
                if (names[i]->d_name[0] != '.' && snprintf(full, sizeof full, "%s/%s", path, names[i]->d_name) < (int)sizeof full)
                        files += file(full);
                free(names[i]);
        }
        free(names);
        return files;
}

int main(int argc, char **argv)
{
        int files = 0;
        for (int i = 1; i < argc; i++) {
                int n = folder(argv[i]);
                if (!n) {
                        fprintf(stderr, "%s: no inputs\n", argv[i]);
                        return 1;
                }
                files += n;
        }
        printf("%d inputs, %d runs\n", files, files * CUTS);
        return files ? 0 : 2;
}
