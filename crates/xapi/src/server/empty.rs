//! Classes that have no objects here: virtual machines, what attaches disks to them, and messages.
//!
//! Backup tools ask for them around a listing. They are told that there are none, as by a pool that has none.

use super::api::Api;
use super::call::Call;
use super::failure::Failure;
use super::value::Value;

/// The fields of a virtual machine.
pub(super) const VM_FIELDS: &[&str] = &[
    "uuid",
    "allowed_operations",
    "current_operations",
    "name_label",
    "name_description",
    "power_state",
    "user_version",
    "is_a_template",
    "is_default_template",
    "suspend_VDI",
    "resident_on",
    "scheduled_to_be_resident_on",
    "affinity",
    "memory_overhead",
    "memory_target",
    "memory_static_max",
    "memory_dynamic_max",
    "memory_dynamic_min",
    "memory_static_min",
    "VCPUs_params",
    "VCPUs_max",
    "VCPUs_at_startup",
    "actions_after_softreboot",
    "actions_after_shutdown",
    "actions_after_reboot",
    "actions_after_crash",
    "consoles",
    "VIFs",
    "VBDs",
    "VUSBs",
    "crash_dumps",
    "VTPMs",
    "PV_bootloader",
    "PV_kernel",
    "PV_ramdisk",
    "PV_args",
    "PV_bootloader_args",
    "PV_legacy_args",
    "HVM_boot_policy",
    "HVM_boot_params",
    "HVM_shadow_multiplier",
    "platform",
    "PCI_bus",
    "other_config",
    "domid",
    "domarch",
    "last_boot_CPU_flags",
    "is_control_domain",
    "metrics",
    "guest_metrics",
    "recommendations",
    "xenstore_data",
    "ha_always_run",
    "ha_restart_priority",
    "is_a_snapshot",
    "snapshot_of",
    "snapshots",
    "snapshot_time",
    "transportable_snapshot_id",
    "blobs",
    "tags",
    "blocked_operations",
    "snapshot_info",
    "snapshot_metadata",
    "parent",
    "children",
    "bios_strings",
    "protection_policy",
    "is_snapshot_from_vmpp",
    "snapshot_schedule",
    "is_vmss_snapshot",
    "appliance",
    "start_delay",
    "shutdown_delay",
    "order",
    "VGPUs",
    "attached_PCIs",
    "suspend_SR",
    "version",
    "generation_id",
    "hardware_platform_version",
    "has_vendor_device",
    "requires_reboot",
    "reference_label",
    "domain_type",
    "NVRAM",
    "pending_guidances",
];

/// The fields of what attaches a disk to one.
pub(super) const VBD_FIELDS: &[&str] = &[
    "uuid",
    "allowed_operations",
    "current_operations",
    "VM",
    "VDI",
    "device",
    "userdevice",
    "bootable",
    "mode",
    "type",
    "unpluggable",
    "storage_lock",
    "empty",
    "other_config",
    "currently_attached",
    "status_code",
    "status_detail",
    "runtime_properties",
    "qos_algorithm_type",
    "qos_algorithm_params",
    "qos_supported_algorithms",
    "metrics",
];

impl Api {
    /// A change of an object that cannot be there.
    pub(super) fn no_such_object(&self, call: &Call) -> Result<Value, Failure> {
        // A snapshot of a machine is given a name.
        let (class, least) = match call.method.as_str() {
            "VM.snapshot" => ("VM", 2),
            method => (method.split_once('.').unwrap_or_default().0, 1),
        };
        if call.params.len() < least {
            return Err(call.wrong_count(least));
        }
        match &call.params[0] {
            Value::Text(reference) => Err(Failure::bad_handle(class, reference)),
            _ => Err(Failure::field_type("self")),
        }
    }

    /// The messages about some object, or since some time.
    pub(super) fn no_messages(&self, call: &Call) -> Result<Value, Failure> {
        if call.method == "message.get" {
            let [_class, _uuid, _since] = call.texts()?;
        } else {
            let [_since] = call.texts()?;
        }
        Ok(Value::Struct(Vec::new()))
    }
}
