int segcpu_placeholder(void);
