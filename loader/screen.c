/*
 * screen.c - finds a screen that the kernel can draw on by writing to memory.
 *
 * HOW    Takes the first graphics output whose current mode has a frame buffer
 *        of 32 bits a pixel in one of the two usual byte orders.  The mode
 *        stays as the firmware has set it.  None is no error.
 *
 * SOURCE UEFI Specification 2.10, 12.9 "Graphics Output Protocol".
 */
#include "loader/loader.h"

#define MASK_LOW    0x000000ffu
#define MASK_MIDDLE 0x0000ff00u
#define MASK_HIGH   0x00ff0000u

/* EFI_PIXEL_RGBX or EFI_PIXEL_BGRX, also if only the masks say so. */
static enum efi_pixel_format format_of(const struct efi_graphics_info *info)
{
    if (info->format == EFI_PIXEL_RGBX || info->format == EFI_PIXEL_BGRX)
        return (enum efi_pixel_format)info->format;
    if (info->format != EFI_PIXEL_BIT_MASK || info->green_mask != MASK_MIDDLE)
        return EFI_PIXEL_BLT_ONLY;
    if (info->red_mask == MASK_LOW && info->blue_mask == MASK_HIGH)
        return EFI_PIXEL_RGBX;
    if (info->red_mask == MASK_HIGH && info->blue_mask == MASK_LOW)
        return EFI_PIXEL_BGRX;
    return EFI_PIXEL_BLT_ONLY;
}

/* Do the figures make sense together? */
static bool is_usable(const struct efi_graphics_mode *mode)
{
    const struct efi_graphics_info *info = mode->info;
    uint64_t pixels = (uint64_t)info->pixels_per_line * info->height;

    if (format_of(info) == EFI_PIXEL_BLT_ONLY || mode->framebuffer_base == 0)
        return false;
    if (info->width == 0 || info->height == 0 ||
        info->pixels_per_line < info->width)
        return false;
    return mode->framebuffer_bytes <= BOOT_SCREEN_BYTES_MAX &&
           pixels <= mode->framebuffer_bytes / 4;
}

static bool take_screen(struct loader *loader,
                        const struct efi_graphics_mode *mode)
{
    struct cairn_handoff *handoff = loader->handoff;

    if (mode == NULL || mode->info == NULL || !is_usable(mode))
        return false;
    handoff->framebuffer_base = mode->framebuffer_base;
    handoff->framebuffer_bytes = mode->framebuffer_bytes;
    handoff->framebuffer_width = mode->info->width;
    handoff->framebuffer_height = mode->info->height;
    handoff->framebuffer_stride = mode->info->pixels_per_line;
    handoff->framebuffer_is_rgb = format_of(mode->info) == EFI_PIXEL_RGBX;
    console_print("[cairn] screen: %u x %u at 0x%llx\n", mode->info->width,
                  mode->info->height, mode->framebuffer_base);
    return true;
}

efi_status screen_describe(struct loader *loader)
{
    static const struct efi_guid graphics_output_guid = {
        0x9042a9de,
        0x23dc,
        0x4a38,
        {0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a}};
    efi_handle *handles;
    uint64_t count;
    bool is_found = false;

    if (loader->boot->locate_handle_buffer(EFI_SEARCH_BY_PROTOCOL,
                                           &graphics_output_guid, NULL, &count,
                                           &handles) != EFI_SUCCESS)
        return EFI_SUCCESS;
    for (uint64_t i = 0; i < count && !is_found; i++) {
        struct efi_graphics_output *output;

        if (loader->boot->handle_protocol(handles[i], &graphics_output_guid,
                                          (void **)&output) == EFI_SUCCESS)
            is_found = take_screen(loader, output->mode);
    }
    loader->boot->free_pool(handles);
    return EFI_SUCCESS;
}
