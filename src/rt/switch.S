/*
 * switch.S: the change from one stack to another.
 *
 * An assembler file of its own, because its objects carry no mark for shadow stacks (CET, GCS):
 * the linker then leaves them off for the whole program, as switching with a plain return needs.
 *
 * void rt_switch(void **ret_sp, void *sp);
 * void rt_task_entry(void);
 * void rt_call_on(void *sp, void (*fn)(void *arg), void *arg);
 *
 * A stack that does not run ends in the saved callee-saved registers and the address to go on at.
 * A new task's has the same form: rt_task_entry as the address, the function in rbx or x19 and its
 * argument in r12 or x20 (task.c builds it).
 */
#if defined(__x86_64__)

    .text
    .globl  rt_switch
    .hidden rt_switch
    .type   rt_switch, @function
    .p2align 4
rt_switch:
    .cfi_startproc
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    popq    %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq    %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size   rt_switch, . - rt_switch

    .globl  rt_task_entry
    .hidden rt_task_entry
    .type   rt_task_entry, @function
    .p2align 4
rt_task_entry:
    .cfi_startproc
    .cfi_undefined %rip         /* a backtrace ends here */
    movq    %r12, %rdi
    callq   *%rbx
    ud2
    .cfi_endproc
    .size   rt_task_entry, . - rt_task_entry

    .globl  rt_call_on
    .hidden rt_call_on
    .type   rt_call_on, @function
    .p2align 4
rt_call_on:
    .cfi_startproc
    pushq   %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq    %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq    %rdi, %rsp
    movq    %rdx, %rdi
    callq   *%rsi
    movq    %rbp, %rsp
    popq    %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size   rt_call_on, . - rt_call_on

#elif defined(__aarch64__)

    .text
    .globl  rt_switch
    .hidden rt_switch
    .type   rt_switch, %function
    .p2align 4
rt_switch:
    .cfi_startproc
    sub     sp, sp, #160
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    .cfi_def_cfa_offset 160
    .cfi_offset x29, -80
    .cfi_offset x30, -72
    mov     x9, sp
    str     x9, [x0]
    mov     sp, x1
    ldp     x19, x20, [sp, #0]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    add     sp, sp, #160
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size   rt_switch, . - rt_switch

    .globl  rt_task_entry
    .hidden rt_task_entry
    .type   rt_task_entry, %function
    .p2align 4
rt_task_entry:
    .cfi_startproc
    .cfi_undefined x30          /* a backtrace ends here */
    mov     x0, x20
    blr     x19
    brk     #1
    .cfi_endproc
    .size   rt_task_entry, . - rt_task_entry

    .globl  rt_call_on
    .hidden rt_call_on
    .type   rt_call_on, %function
    .p2align 4
rt_call_on:
    .cfi_startproc
    stp     x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    mov     x29, sp
    .cfi_def_cfa_register x29
    mov     sp, x0
    mov     x0, x2
    blr     x1
    mov     sp, x29
    .cfi_def_cfa_register sp
    ldp     x29, x30, [sp], #16
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size   rt_call_on, . - rt_call_on

#else
#error "sluice knows x86-64 and aarch64"
#endif

    .section .note.GNU-stack, "", %progbits
