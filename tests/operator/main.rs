//! The operator as a process, on a real API server, against the emulator of AWS: what users see and what AWS holds.
