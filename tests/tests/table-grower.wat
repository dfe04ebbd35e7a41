(component
  (core module $grower
    (table $table 1 funcref)
    (func $start
      (if (i32.eq (table.grow $table (ref.null func) (i32.const 5000)) (i32.const -1))
        (then unreachable)))
    (func (export "f"))
    (start $start))
  (core instance $grower (instantiate $grower))
  (func $f (canon lift (core func $grower "f")))
  (instance $plugin
    (export "describe" (func $f))
    (export "initialize" (func $f))
    (export "execute" (func $f)))
  (export "cjm:plugin/plugin@0.1.0" (instance $plugin)))
