/*
 * file.c - reads a file of the volume that the loader was started from.
 *
 * HOW    Opens the volume anew for each file, asks for the file's size, and
 *        reads all of it into fresh pages.
 *
 * FAILS  With a message: what could not be read, why, and the advice of the
 *        caller.  EFI_BAD_BUFFER_SIZE stands for "it is too large",
 *        EFI_LOAD_ERROR for "it ends too early".
 *
 * SOURCE UEFI Specification 2.10, 9.1, 13.4, 13.5.
 */
#include "loader/loader.h"

#define PATH_CHARS 64
/* The fixed part of efi_file_info, and the longest name of FAT behind it. */
#define INFO_BYTES (sizeof(struct efi_file_info) + 2 * 256)

static efi_status open_volume(struct loader *loader, struct efi_file **root)
{
    static const struct efi_guid file_system_guid = {
        0x964e5b22,
        0x6459,
        0x11d2,
        {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
    struct efi_file_system *volume;
    efi_status status = loader->boot->handle_protocol(
        loader->self->device, &file_system_guid, (void **)&volume);

    return status == EFI_SUCCESS ? volume->open_volume(volume, root) : status;
}

static efi_status open_path(struct loader *loader, const char *path,
                            struct efi_file **file)
{
    efi_char16 wide[PATH_CHARS];
    struct efi_file *root;
    size_t length = 0;
    efi_status status = open_volume(loader, &root);

    if (status != EFI_SUCCESS)
        return status;
    while (path[length] != '\0' && length < PATH_CHARS - 1) {
        wide[length] = (unsigned char)path[length];
        length++;
    }
    wide[length] = 0;
    status = root->open(root, file, wide, EFI_FILE_MODE_READ, 0);
    root->close(root);
    return status;
}

static efi_status size_of(struct efi_file *file, uint64_t *bytes)
{
    static const struct efi_guid file_info_guid = {
        0x09576e92,
        0x6d3f,
        0x11d2,
        {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
    union {
        struct efi_file_info info;
        uint8_t space[INFO_BYTES];
    } answer;
    uint64_t space = sizeof(answer);
    efi_status status = file->get_info(file, &file_info_guid, &space, &answer);

    if (status == EFI_SUCCESS && answer.info.attributes & EFI_FILE_DIRECTORY)
        status = EFI_NOT_FOUND;
    if (status == EFI_SUCCESS)
        *bytes = answer.info.file_bytes;
    return status;
}

/* Firmware may read less than it was asked for. */
static efi_status read_all(struct efi_file *file, uint64_t to, uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t part = bytes;
        efi_status status = file->read(file, &part, (void *)to);

        if (status != EFI_SUCCESS)
            return status;
        if (part == 0 || part > bytes)
            return EFI_LOAD_ERROR;
        to += part;
        bytes -= part;
    }
    return EFI_SUCCESS;
}

static efi_status fail(const struct file_request *request, efi_status status)
{
    return console_fail(status, "cannot read %s: %s.\n  %s\n", request->path,
                        console_status_text(status), request->advice);
}

static efi_status read_open(struct loader *loader, struct efi_file *file,
                            const struct file_request *request,
                            struct cairn_handoff_range *out)
{
    efi_status status = size_of(file, &out->bytes);

    if (status == EFI_SUCCESS && out->bytes > request->limit)
        status = EFI_BAD_BUFFER_SIZE;
    if (status != EFI_SUCCESS)
        return fail(request, status);
    if (out->bytes == 0)
        return EFI_SUCCESS;

    status = memory_alloc(loader, request->path, out->bytes, &out->start);
    if (status != EFI_SUCCESS)
        return status;
    status = read_all(file, out->start, out->bytes);
    return status == EFI_SUCCESS ? EFI_SUCCESS : fail(request, status);
}

efi_status file_read(struct loader *loader, const struct file_request *request,
                     uint64_t *phys, uint64_t *bytes)
{
    struct cairn_handoff_range content = {0, 0};
    struct efi_file *file;
    efi_status status = open_path(loader, request->path, &file);

    *phys = 0;
    *bytes = 0;
    if (status == EFI_NOT_FOUND && request->is_optional)
        return EFI_SUCCESS;
    if (status != EFI_SUCCESS)
        return fail(request, status);
    status = read_open(loader, file, request, &content);
    file->close(file);
    if (status != EFI_SUCCESS)
        return status;
    *phys = content.start;
    *bytes = content.bytes;
    return EFI_SUCCESS;
}
