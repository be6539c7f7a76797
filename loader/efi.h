/*
 * efi.h - what the loader uses of UEFI, and nothing else.
 *
 * Written from the UEFI Specification 2.10 (section numbers below) and, for
 * the count of CPUs, the Platform Initialization Specification 1.8.  Members
 * that nobody here uses are pointers without a type, or arrays of them, under
 * the name of the group that they belong to.  The GUID of a protocol stands in
 * the one file that asks for it.
 *
 * The loader is compiled for x86_64-unknown-windows, whose calling convention
 * is that of UEFI (2.3.4, "x64 Platforms"), so nothing needs an attribute.
 */
#ifndef LOADER_EFI_H
#define LOADER_EFI_H

#include <cairn/types.h>

typedef uint64_t efi_status;
typedef void *efi_handle;
typedef uint16_t efi_char16;

/* Appendix D, "Status Codes". */
#define EFI_ERROR_BIT          ((efi_status)1 << 63)
#define EFI_SUCCESS            ((efi_status)0)
#define EFI_LOAD_ERROR         (EFI_ERROR_BIT | 1)
#define EFI_INVALID_PARAMETER  (EFI_ERROR_BIT | 2)
#define EFI_UNSUPPORTED        (EFI_ERROR_BIT | 3)
#define EFI_BAD_BUFFER_SIZE    (EFI_ERROR_BIT | 4)
#define EFI_BUFFER_TOO_SMALL   (EFI_ERROR_BIT | 5)
#define EFI_NOT_READY          (EFI_ERROR_BIT | 6)
#define EFI_DEVICE_ERROR       (EFI_ERROR_BIT | 7)
#define EFI_OUT_OF_RESOURCES   (EFI_ERROR_BIT | 9)
#define EFI_VOLUME_CORRUPTED   (EFI_ERROR_BIT | 10)
#define EFI_NO_MEDIA           (EFI_ERROR_BIT | 12)
#define EFI_MEDIA_CHANGED      (EFI_ERROR_BIT | 13)
#define EFI_NOT_FOUND          (EFI_ERROR_BIT | 14)
#define EFI_ACCESS_DENIED      (EFI_ERROR_BIT | 15)
#define EFI_TIMEOUT            (EFI_ERROR_BIT | 18)
#define EFI_SECURITY_VIOLATION (EFI_ERROR_BIT | 26)

struct efi_guid {
    uint32_t a;
    uint16_t b;
    uint16_t c;
    uint8_t d[8];
};

/* 4.2, "EFI Table Header". */
struct efi_table_header {
    uint64_t signature;
    uint32_t revision; /* major << 16 | minor * 10 */
    uint32_t header_bytes;
    uint32_t crc32;
    uint32_t reserved;
};

/* ---- 12.3 and 12.4: the console ------------------------------------------ */

struct efi_input_key {
    uint16_t scan_code;
    efi_char16 character;
};

struct efi_text_input {
    efi_status (*reset)(struct efi_text_input *self, bool extended);
    efi_status (*read_key_stroke)(struct efi_text_input *self,
                                  struct efi_input_key *key);
    void *wait_for_key;
};

struct efi_text_output {
    efi_status (*reset)(struct efi_text_output *self, bool extended);
    efi_status (*output_string)(struct efi_text_output *self,
                                const efi_char16 *text);
    void *unused[8];
};

/* ---- 7.2: memory --------------------------------------------------------- */

enum efi_allocate_kind {
    EFI_ALLOCATE_ANY_PAGES = 0,
    EFI_ALLOCATE_MAX_ADDRESS = 1,
    EFI_ALLOCATE_ADDRESS = 2
};

enum efi_memory_kind {
    EFI_RESERVED = 0,
    EFI_LOADER_CODE = 1,
    EFI_LOADER_DATA = 2,
    EFI_BOOT_SERVICES_CODE = 3,
    EFI_BOOT_SERVICES_DATA = 4,
    EFI_RUNTIME_SERVICES_CODE = 5,
    EFI_RUNTIME_SERVICES_DATA = 6,
    EFI_CONVENTIONAL = 7,
    EFI_UNUSABLE = 8,
    EFI_ACPI_RECLAIM = 9,
    EFI_ACPI_NVS = 10
};

#define EFI_PAGE_BYTES 4096u

/* Attributes of a range. */
#define EFI_MEMORY_SPECIFIC_PURPOSE ((uint64_t)0x40000)

/* The descriptors of a map are at least this long, and usually longer. */
struct efi_memory_descriptor {
    uint32_t kind;
    uint32_t padding;
    uint64_t phys;
    uint64_t virt;
    uint64_t pages;
    uint64_t attributes;
};
_Static_assert(sizeof(struct efi_memory_descriptor) == 40, "7.2.3");

/* ---- 4.4, 7: boot services ----------------------------------------------- */

struct efi_boot_services {
    struct efi_table_header header;
    void *task_priority[2];

    efi_status (*allocate_pages)(enum efi_allocate_kind kind,
                                 enum efi_memory_kind memory, uint64_t pages,
                                 uint64_t *phys);
    efi_status (*free_pages)(uint64_t phys, uint64_t pages);
    efi_status (*get_memory_map)(uint64_t *bytes, void *buffer, uint64_t *key,
                                 uint64_t *descriptor_bytes,
                                 uint32_t *descriptor_version);
    void *allocate_pool;
    efi_status (*free_pool)(void *buffer);

    void *events[6];

    void *install_protocol[3];
    efi_status (*handle_protocol)(efi_handle handle,
                                  const struct efi_guid *protocol,
                                  void **interface);
    void *locate[4];
    void *install_configuration_table;

    void *images[4];
    efi_status (*exit_boot_services)(efi_handle image, uint64_t map_key);

    efi_status (*get_next_monotonic_count)(uint64_t *count);
    efi_status (*stall)(uint64_t microseconds);
    void *set_watchdog_timer;

    void *controllers[2];
    void *open_protocol[3];

    void *protocols_per_handle;
    efi_status (*locate_handle_buffer)(unsigned search,
                                       const struct efi_guid *protocol,
                                       void *key, uint64_t *count,
                                       efi_handle **handles);
    efi_status (*locate_protocol)(const struct efi_guid *protocol,
                                  void *registration, void **interface);
    /* More follows; nobody here needs the size of the structure. */
};
_Static_assert(offsetof(struct efi_boot_services, handle_protocol) == 152,
               "4.4.1, EFI_BOOT_SERVICES");
_Static_assert(offsetof(struct efi_boot_services, exit_boot_services) == 232,
               "4.4.1, EFI_BOOT_SERVICES");
_Static_assert(offsetof(struct efi_boot_services, locate_protocol) == 320,
               "4.4.1, EFI_BOOT_SERVICES");

#define EFI_SEARCH_BY_PROTOCOL 2u

/* ---- 4.5, 8: runtime services -------------------------------------------- */

struct efi_runtime_services {
    struct efi_table_header header;
    void *time[4];
    void *addresses[2];
    efi_status (*get_variable)(const efi_char16 *name,
                               const struct efi_guid *vendor,
                               uint32_t *attributes, uint64_t *bytes,
                               void *data);
    /* More follows. */
};

/* ---- 4.3, 4.6: the system table ------------------------------------------ */

struct efi_configuration_table {
    struct efi_guid vendor;
    void *table;
};

struct efi_system_table {
    struct efi_table_header header;
    const efi_char16 *firmware_vendor;
    uint32_t firmware_revision;
    efi_handle console_in_handle;
    struct efi_text_input *console_in;
    efi_handle console_out_handle;
    struct efi_text_output *console_out;
    efi_handle standard_error_handle;
    struct efi_text_output *standard_error;
    struct efi_runtime_services *runtime;
    struct efi_boot_services *boot;
    uint64_t table_count;
    const struct efi_configuration_table *tables;
};
_Static_assert(sizeof(struct efi_system_table) == 120, "4.3.1");

/* ---- 9.1, "EFI Loaded Image Protocol" ------------------------------------ */

struct efi_loaded_image {
    uint32_t revision;
    efi_handle parent;
    struct efi_system_table *system;
    efi_handle device;
    void *file_path;
    void *reserved;
    uint32_t load_options_bytes;
    const void *load_options;
    void *image_base;
    uint64_t image_bytes;
    /* More follows. */
};

/* ---- 13.4, 13.5: files --------------------------------------------------- */

#define EFI_FILE_MODE_READ ((uint64_t)1)
#define EFI_FILE_DIRECTORY ((uint64_t)0x10)

struct efi_file {
    uint64_t revision;
    efi_status (*open)(struct efi_file *self, struct efi_file **file,
                       const efi_char16 *name, uint64_t mode,
                       uint64_t attributes);
    efi_status (*close)(struct efi_file *self);
    void *remove;
    efi_status (*read)(struct efi_file *self, uint64_t *bytes, void *buffer);
    void *write;
    void *position[2];
    efi_status (*get_info)(struct efi_file *self, const struct efi_guid *kind,
                           uint64_t *bytes, void *buffer);
    /* More follows. */
};

struct efi_file_system {
    uint64_t revision;
    efi_status (*open_volume)(struct efi_file_system *self,
                              struct efi_file **root);
};

struct efi_file_info {
    uint64_t bytes; /* of this structure, with the name behind it */
    uint64_t file_bytes;
    uint64_t physical_bytes;
    uint8_t times[3][16];
    uint64_t attributes;
};

/* ---- 12.9, "Graphics Output Protocol" ------------------------------------ */

enum efi_pixel_format {
    EFI_PIXEL_RGBX = 0, /* bytes in memory: red, green, blue, unused */
    EFI_PIXEL_BGRX = 1,
    EFI_PIXEL_BIT_MASK = 2,
    EFI_PIXEL_BLT_ONLY = 3 /* no frame buffer */
};

struct efi_graphics_info {
    uint32_t version;
    uint32_t width;
    uint32_t height;
    uint32_t format;
    uint32_t red_mask; /* the masks count only with EFI_PIXEL_BIT_MASK */
    uint32_t green_mask;
    uint32_t blue_mask;
    uint32_t reserved_mask;
    uint32_t pixels_per_line;
};

struct efi_graphics_mode {
    uint32_t mode_count;
    uint32_t mode;
    const struct efi_graphics_info *info;
    uint64_t info_bytes;
    uint64_t framebuffer_base;
    uint64_t framebuffer_bytes;
};

struct efi_graphics_output {
    void *functions[3];
    const struct efi_graphics_mode *mode;
};

/* ---- PI Specification 1.8, volume 2, "MP Services Protocol" -------------- */

struct efi_mp_services {
    efi_status (*get_number_of_processors)(struct efi_mp_services *self,
                                           uint64_t *all, uint64_t *enabled);
    /* More follows. */
};

#endif
