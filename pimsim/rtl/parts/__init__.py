"""What all cores are built of: parameters, ports, buffers and small units."""
