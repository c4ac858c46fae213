echo hello world | cat
cat lorem
cat lorem | num
cat lorem | num | num | num | num | num
cat script
sh < script
script
echo 'a  b' "c | d" e# # f
echo one; echo two ;echo three
echo in a file > testshell.tmp
echo appended >> testshell.tmp
num < testshell.tmp
wc < testshell.tmp > testshell.tmp2; cat testshell.tmp2 testshell.tmp
rm testshell.tmp testshell.tmp2
echo background & wait
nosuchprogram
cat < nosuchfile
echo |
| cat
echo 'open
echo >
sh -c "echo from -c; exit 3"
grep -n ^e.*t lorem
echo done
