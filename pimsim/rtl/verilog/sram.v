// A buffer: DEPTH words of WIDTH bits.  Replace this module by macros of your technology; its contract is
//   * synchronous write; synchronous read whose data are held until the next read;
//   * PORTS 2: one read and one write port, a read in the cycle of a write to the same word has the old data;
//   * PORTS 1: one access per cycle, a write wins over a read, which then does not happen;
//   * ASYNCHRONOUS 1 (2 ports): data follow the read address in the same cycle.
// FILE holds the initial words for $readmemh, address 0 first; without a file they are 0.  A macro that cannot be
// initialized has to be written before the first start: weights and codes with their words, all others with zeros.
`default_nettype none
module pimsim_sram #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS = 1,
    parameter PORTS = 2,
    parameter ASYNCHRONOUS = 0,
    parameter FILE = ""
) (
    input  wire               clk,
    input  wire               read_enable,
    input  wire [ADDRESS-1:0] read_address,
    output wire [WIDTH-1:0]   read_data,
    input  wire               write_enable,
    input  wire [ADDRESS-1:0] write_address,
    input  wire [WIDTH-1:0]   write_data
);
    reg [WIDTH-1:0] words [0:DEPTH-1];
    integer address;

    initial begin
        for (address = 0; address < DEPTH; address = address + 1)
            words[address] = {WIDTH{1'b0}};
        if (FILE != "")
            $readmemh(FILE, words);
    end

    always @(posedge clk)
        if (write_enable)
            words[write_address] <= write_data;

    generate
        if (ASYNCHRONOUS != 0) begin : asynchronous
            assign read_data = words[read_address];
        end else begin : synchronous
            wire reads = read_enable && (PORTS != 1 || !write_enable);
            reg [WIDTH-1:0] held = {WIDTH{1'b0}};
            always @(posedge clk)
                if (reads)
                    held <= words[read_address];
            assign read_data = held;
        end
    endgenerate
endmodule
`default_nettype wire
