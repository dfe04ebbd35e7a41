//! Lends a running queue to other processes of the machine.
